"""The gate on pages: benchmarks, every report, and the button that starts it."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from liveness.model_views import managers_only
from liveness.models import ModelVersion
from training import tasks_gate
from training.models import Benchmark, GateReport

_REPORTS = 50


@managers_only
@require_safe
def gate(request: HttpRequest) -> HttpResponse:
    context = {
        "benchmarks": Benchmark.objects.defer("files"),
        "reports": GateReport.objects.select_related("model").defer("report", "plot")[:_REPORTS],
    }
    return render(request, "training/gate.html", context)


@managers_only
@require_safe
def report(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(GateReport.objects.select_related("model", "by").defer("plot"), pk=pk)
    context = {
        "found": found,
        "proofs": [_proof(proof) for proof in found.report.get("proofs", [])],
        "margins": found.report.get("margins"),
        "has_plot": bool(found.plot_alt),
    }
    return render(request, "training/gate_report.html", context)


@managers_only
@require_safe
def plot(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(GateReport, pk=pk)
    if not found.plot:
        raise Http404
    response = HttpResponse(bytes(found.plot), content_type="image/png")
    response["X-Content-Type-Options"] = "nosniff"
    return response


@managers_only
@require_POST
def judge(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a model through the gate, on a worker: it takes minutes."""
    model = get_object_or_404(ModelVersion, pk=pk)
    if tasks_gate.enqueue(model.pk, request.user.pk):
        messages.success(
            request,
            gettext("%(name)s is on its way through the gate; come back soon.")
            % {"name": model.name},
        )
    else:
        words = gettext("No worker can be reached: start one, or run manage.py models gate")
        messages.error(request, f"{words} {model.sha256[:8]}.")
    return redirect(model)


VERDICTS = {
    "worse": _("worse"),
    "unclear": _("unclear"),
    "not ruled out": _("not ruled out"),
    "too few": _("too few"),
    "as good": _("as good"),
    "better": _("better"),
}


def _proof(proof: dict[str, Any]) -> dict[str, Any]:
    """Percent instead of shares; what was judged apart from what is only shown."""
    rows = [_in_percent(row) for row in proof["rows"]]
    return {
        **proof,
        "judged": [row for row in rows if row["verdict"]],
        "shown": [row for row in rows if not row["verdict"]],
    }


def _in_percent(row: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: 100 * row[name] for name in ("champion", "candidate", "difference")}
    low, high = row["interval95"]
    said = VERDICTS.get(row["verdict"], row["verdict"])
    return {
        **row,
        **numbers,
        "said": said,
        "low": f"{100 * low:+.2f}",
        "high": f"{100 * high:+.2f}",
    }
