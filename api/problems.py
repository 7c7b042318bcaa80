"""Every error of the interface as RFC 9457 problem details (``application/problem+json``)."""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error
from rest_framework.views import APIView, exception_handler

MEDIA_TYPE = "application/problem+json"


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's handler, with its answer turned into a problem. None, which is a 500, for what nobody foresaw."""
    response = exception_handler(error, context)
    if response is not None:
        response.data = problem(_known(error), response.status_code)
        response.content_type = MEDIA_TYPE
    return response


def problem(error: exceptions.APIException, status: int) -> dict[str, Any]:
    """``type`` is about:blank, so ``title`` is the status in words; ``code`` is for programs, ``detail`` for people.

    ``errors``, for fields that are wrong: where, what, and a code, one entry a mistake.
    """
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
    }
    if isinstance(error, exceptions.ValidationError):
        found = _mistakes(error)
        words = " ".join(item["detail"] for item in found[:3])
        return {**body, "code": "invalid", "detail": words, "errors": found}
    codes = error.get_codes()
    return {**body, "code": codes if isinstance(codes, str) else "error", "detail": _words(error)}


class NotFoundView(APIView):
    """Addresses that do not exist are a problem document too, not a page."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []
    throttle_classes: list[Any] = []
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise exceptions.NotFound("There is nothing at this address; /api/v1/docs/ lists what is.")


def _known(error: Exception) -> exceptions.APIException:
    if isinstance(error, exceptions.APIException):
        return error
    if isinstance(error, Http404):
        return exceptions.NotFound()
    assert isinstance(error, PermissionDenied)  # noqa: S101  (the third and last that DRF answers)
    return exceptions.PermissionDenied()


def _words(error: exceptions.APIException) -> str:
    detail = error.detail
    return str(detail["detail"]) if isinstance(detail, dict) and "detail" in detail else str(detail)


def _mistakes(error: exceptions.ValidationError) -> list[dict[str, str]]:
    return list(_walk(as_serializer_error(error), ""))


def _walk(node: Any, place: str) -> Any:
    """Leaves of DRF's nested details, with where they are: ``field``, ``field.inner``, ``list.0``."""
    if isinstance(node, dict):
        for name, inner in node.items():
            inside = "" if name == "non_field_errors" else str(name)
            yield from _walk(inner, ".".join(filter(None, [place, inside])))
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            nested = isinstance(inner, dict | list)
            yield from _walk(inner, f"{place}.{number}" if nested else place)
    else:
        code = getattr(node, "code", None) or "invalid"
        yield {"field": place, "detail": str(node), "code": code}
