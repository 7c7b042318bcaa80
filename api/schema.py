"""How the OpenAPI document is made: every operation also says which problems it can answer with."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "What went wrong, for programs."},
        "detail": {"type": "string", "description": "What went wrong, for people."},
        "errors": {
            "type": "array",
            "description": "One entry a mistake in the request.",
            "items": {
                "type": "object",
                "required": ["field", "detail", "code"],
                "properties": {
                    "field": {"type": "string"},
                    "detail": {"type": "string"},
                    "code": {"type": "string"},
                },
            },
        },
    },
}
_ALWAYS = {
    "400": "The request is wrong; errors says where.",
    "401": "No valid API key and no session.",
    "403": "The key's scopes or its owner's permissions do not cover this.",
    "404": "There is nothing at this address.",
    "429": "Too many requests; Retry-After says when to come back.",
}
_WRITES = {
    "409": "What is there does not allow this step; nothing has changed.",
    "413": "The body is too large.",
    "415": "The body is of a kind that is not read here.",
}
_BUSY = {"503": "Nothing can be judged or started at the moment; try again later."}


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = "api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key, lg_…"}


class DescribedSchema(AutoSchema):
    """drf-spectacular's schema, with the problems of all operations described in one place."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            self._add_problems(operation["responses"])
        return operation

    def get_tags(self) -> list[str]:
        """The first part of the path behind the version."""
        return [self.path.removeprefix("/api/v1/").split("/")[0]]

    def _add_problems(self, responses: dict[str, Any]) -> None:
        known = _ALWAYS | _BUSY | ({} if self.method == "GET" else _WRITES)
        for status, words in known.items():
            responses[status] = {
                "description": words,
                "content": {"application/problem+json": {"schema": self._problem()}},
            }

    def _problem(self) -> Any:
        component = ResolvedComponent(
            name="Problem", type=ResolvedComponent.SCHEMA, object="Problem", schema=_PROBLEM
        )
        self.registry.register_on_missing(component)
        return component.ref
