"""What a browser may do with our pages: load from here alone, use the camera here alone, and keep nothing of a session."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PERMISSIONS_POLICY = "camera=(self), microphone=(), geolocation=(), payment=(), usb=()"


def browser_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that adds our policies to every answer, unless the view has its own.

    Whatever a browser with a session gets is not stored: a page that nobody thought of is kept by no cache.
    """

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        framed_by = getattr(response, "frame_ancestors", "") or "'none'"
        policy = CONTENT_SECURITY_POLICY.replace("ancestors 'none'", f"ancestors {framed_by}")
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            response.headers.setdefault("Cache-Control", "no-store, private")
        return response

    return respond
