"""``Authorization: Bearer lg_…``: who calls, and whether the key's scopes reach this view."""

from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from accounts import audit
from api import keys
from api.models import ApiKey


class ApiKeyAuthentication(BaseAuthentication):
    """A view says with ``scope`` which area it belongs to; a view without one is closed to keys."""

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        text = bearer(request)
        if text is None:
            return None
        key = keys.find_key(text)
        if key is None:
            audit.refused("api_key_refused", key=text[:11])
            raise AuthenticationFailed("This API key is unknown, expired or revoked.")
        _check_scope(key, request)
        return key.owner, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


def bearer(request: Any) -> str | None:
    """The text behind ``Bearer``, None when there is none."""
    kind, _, text = get_authorization_header(request).decode("latin-1").partition(" ")
    return text.strip() if kind.lower() == "bearer" else None


def _check_scope(key: ApiKey, request: Request) -> None:
    area = getattr(request.parser_context["view"], "scope", None)
    reading = request.method in SAFE_METHODS
    if area is None:
        raise PermissionDenied("This is closed to API keys; sign in to the portal instead.")
    if not key.allows(area, reading):
        needed = f"{area}:{'read' if reading else 'write'}"
        raise PermissionDenied(f"This API key lacks the scope {needed}.")
