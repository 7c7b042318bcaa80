"""The public page about the model that judges."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from liveness import card, registry
from liveness.engine.metrics import Proportion


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Whoever stands in front of the camera may know how often it errs."""
    model = registry.active_model()
    if model is None:
        return render(request, "liveness/card.html", {"model": None})
    found = card.figures(model.metrics)
    here = card.at_this_site(model)
    context = {
        "model": model,
        "since": model.promoted or model.created,
        "threshold": model.manifest.get("threshold", {}),
        "network": model.manifest.get("network", {}),
        "data": model.manifest.get("data", {}).get("train") or {},
        "figures": found,
        "cameras": card.cameras(model.metrics),
        "unmeasured": card.unmeasured(found),
        "chart": card.draw(found),
        "refused_alive": _shown(here.refused_alive),
        "passed_not_alive": _shown(here.passed_not_alive),
    }
    return render(request, "liveness/card.html", context)


def _shown(share: Proportion) -> dict[str, Any]:
    low, high = share.interval
    rate = 100 * share.rate if share.n else None
    return {
        "errors": share.errors,
        "n": share.n,
        "rate": rate,
        "low": 100 * low,
        "high": 100 * high,
    }
