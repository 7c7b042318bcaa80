"""What a browser may do with our pages, and which addresses are none.

It loads from here alone, uses the camera here alone, and keeps nothing of a session.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from rest_framework.exceptions import ParseError

from api import problems

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


def no_nul(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: an address with a NUL in it names nothing of ours, and PostgreSQL takes it for an error."""

    def respond(request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            return _no_address(request)
        return get_response(request)

    return respond


def _no_address(request: HttpRequest) -> HttpResponse:
    """A problem document for programs, a line for everybody else."""
    words = "This address cannot be one."
    if not request.path_info.startswith("/api/"):
        return HttpResponseBadRequest(words, content_type="text/plain")
    body = problems.problem(ParseError(words), 400)
    return JsonResponse(body, status=400, content_type=problems.MEDIA_TYPE)
