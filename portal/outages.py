"""What is said while the database or Redis is away: not a stack trace, but when to try again. Nobody gets in meanwhile."""

import sys

import redis
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.views.defaults import server_error as broken
from kombu.exceptions import OperationalError as BrokerError

RETRY_SECONDS = 10
_AWAY = (OperationalError, InterfaceError, redis.ConnectionError, redis.TimeoutError, BrokerError)
_WORDS = "A part of the portal is away for a moment. Nothing was decided; try again in ten seconds."


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: 503 with Retry-After where a part is away, a problem document for programs; else the page for 500."""
    if not is_outage(sys.exc_info()[1]):
        return broken(request)
    response = _problem() if request.path.startswith("/api/") else _page()
    response["Retry-After"] = str(RETRY_SECONDS)
    response["Cache-Control"] = "no-store"
    return response


def is_outage(error: BaseException | None) -> bool:
    """Whether the error, or the one that it was raised from, says that the database or Redis cannot be reached."""
    while error is not None:
        if isinstance(error, _AWAY):
            return True
        error = error.__cause__
    return False


def _page() -> HttpResponse:
    """Rendered without the request: who is signed in cannot be asked now."""
    return HttpResponse(loader.get_template("503.html").render(), status=503)


def _problem() -> JsonResponse:
    body = {"type": "about:blank", "title": "Service Unavailable", "status": 503}
    return JsonResponse(
        {**body, "code": "unavailable", "detail": _WORDS},
        status=503,
        content_type="application/problem+json",
    )
