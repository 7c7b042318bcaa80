"""The home page and the health page."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from liveness import runtime


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "home.html")


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the database answers and a proven liveness model is loaded, 503 with the parts that fail otherwise.

    ``model``: current, loading, behind (the new model failed here and the old one serves) or none.
    """
    parts = {"database": _database(), "liveness": runtime.health()}
    healthy = all(state == "ok" for state in parts.values())
    body = {"ok": healthy, **parts, "model": runtime.model_state()}
    return JsonResponse(body, status=200 if healthy else 503)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unreachable"
    return "ok"
