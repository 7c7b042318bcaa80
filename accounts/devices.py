"""One browser, recognised by a signed cookie that says nothing but a random name."""

from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_AGE = 365 * 24 * 3600
_SALT = "accounts.device"


def device(request: HttpRequest) -> str:
    """The name of this browser; a new one if it has none, or one that we did not sign."""
    known = request.get_signed_cookie(
        settings.DEVICE_COOKIE_NAME, default="", salt=_SALT, max_age=_AGE
    )
    return known or uuid4().hex


def remember(response: HttpResponse, name: str) -> None:
    """Keep the name for a year from now."""
    response.set_signed_cookie(
        settings.DEVICE_COOKIE_NAME,
        name,
        salt=_SALT,
        max_age=_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
