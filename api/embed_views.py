"""The capture page that other sites show in a frame. It needs no cookie and knows no account."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_GET

from accounts.budgets import Exhausted
from accounts.clients import client_address
from api import captures
from api.captures import CaptureError
from liveness.flash import asked
from liveness.services import TooManyAttempts


@never_cache
@xframe_options_exempt
@require_GET
def capture(request: HttpRequest, token: str) -> HttpResponse:
    """The camera, or in words why there is none: 404 for a forged address, 410 when over, 429 when too many."""
    found = captures.by_token(token)
    if found is None:
        return _closed(request, "", gettext("There is no such capture"), 404)
    try:
        attempt, ticket = captures.begin(
            capture=found,
            client=client_address(request),
            user_agent=request.headers.get("User-Agent", ""),
        )
    except CaptureError:
        return _closed(request, found.origin, gettext("This capture is over"), 410)
    except (TooManyAttempts, Exhausted):
        return _closed(request, found.origin, gettext("Too many attempts; wait a while"), 429)
    context = {
        "capture": found,
        "attempt": attempt,
        "ticket": ticket,
        "socket_path": f"/ws/embed/{token}/",
        "ticket_seconds": settings.LIVENESS_TICKET_SECONDS,
        "flash": asked(),
        "embedded": True,
        "evidence_days": settings.LIVENESS_EVIDENCE_DAYS,
    }
    return _framed(render(request, "api/embed.html", context), found.origin)


def _closed(request: HttpRequest, origin: str, title: str, status: int) -> HttpResponse:
    context = {"title": title, "origin": origin}
    return _framed(render(request, "api/embed_closed.html", context, status=status), origin)


def _framed(response: HttpResponse, origin: str) -> HttpResponse:
    """Only the page it was ordered for may show it; the portal's middleware reads the attribute."""
    response.frame_ancestors = origin  # type: ignore[attr-defined]
    return response
