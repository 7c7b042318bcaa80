"""The home page and what probes ask."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from liveness import draining, runtime
from portal import doctor


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "home.html")


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while this process answers at all. Restart it when it does not; ``readyz`` says whether it can serve."""
    return JsonResponse({"ok": True})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 while this process can take an attempt, otherwise 503 with the parts that fail.

    A broker that is away is named and does not make it unready: faces are judged and matched without one, and every
    portal of the site would be taken out at once.
    ``model``: current, loading, behind (the new model failed here and the old one serves) or none.
    """
    parts = doctor.ready() | {"taking attempts": not draining.begun()}
    able = all(fine for part, fine in parts.items() if part != "broker")
    named = {part: "ok" if fine else "failing" for part, fine in parts.items()}
    body = {"ok": able, **named, "model": runtime.model_state()}
    return JsonResponse(body, status=200 if able else 503)
