"""What a browser may do with our pages: load from here alone, and use the camera here alone."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PERMISSIONS_POLICY = "camera=(self), microphone=(), geolocation=(), payment=(), usb=()"


def browser_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that adds the Content-Security-, Permissions- and Cross-Origin-Resource-Policy headers to every answer."""

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        framed_by = getattr(response, "frame_ancestors", "") or "'none'"
        policy = CONTENT_SECURITY_POLICY.replace("ancestors 'none'", f"ancestors {framed_by}")
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response

    return respond
