"""The models: which one judges, which ones could, what the gate said, and how a shadow disagrees."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from liveness import disagreement, registry, runtime
from liveness.engine.bundle import BundleError
from liveness.models import ModelVersion, ServingReport
from liveness.registry import ApprovalNeeded, GateError

View = Callable[..., HttpResponse]

_STEPS = {
    "promote": (
        _("Promote"),
        _("It judges from the next attempt on. The present model is retired."),
    ),
    "approve": (_("Approve and promote"), _("Somebody else asked for it. It judges from then on.")),
    "shadow": (
        _("Start shadow mode"),
        _("It scores attempts beside the champion and decides nothing."),
    ),
    "roll-back": (
        _("Roll back"),
        _("The model that judged before judges again from the next attempt."),
    ),
}


def may_manage(user: Any) -> bool:
    """Staff with the permission to promote models."""
    return user.is_active and user.is_staff and user.has_perm("liveness.promote_model")


def managers_only(view: View) -> View:
    """Strangers are sent to sign in, everybody else without the permission gets 403; nothing is cached."""

    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not may_manage(request.user):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return never_cache(login_required(checked))


@managers_only
@require_safe
def models(request: HttpRequest) -> HttpResponse:
    active = registry.active_model()
    context = {
        "active": active,
        "rows": [_row(model, active) for model in ModelVersion.objects.select_related("parent")],
        "earlier": registry.earlier_models(active).first(),
        "replicas": [_replica(row) for row in ServingReport.objects.all()],
    }
    return render(request, "liveness/models.html", context)


@managers_only
@require_safe
def model(request: HttpRequest, pk: int) -> HttpResponse:
    found = _found(pk)
    active = registry.active_model()
    context = {
        **_row(found, active),
        "active": active,
        "figures": list(_figures(found.metrics)),
        "threshold": found.manifest.get("threshold", {}),
        "data": found.manifest.get("data", {}),
        "children": found.children.all(),
        "events": found.events.select_related("by")[:50],
        "second": settings.LIVEGATE_SECOND_PERSON,
        "asked_by_me": found.asked_by_id is not None and found.asked_by_id == request.user.pk,
        "shadowed": disagreement.count(found),
    }
    return render(request, "liveness/model.html", context)


@managers_only
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, step: str, pk: int | None = None) -> HttpResponse:
    """GET asks whether it is really meant, POST does it. ``step``: promote, approve, shadow or roll-back."""
    if step not in _STEPS or (pk is None) != (step == "roll-back"):
        raise Http404
    target = _found(pk) if pk is not None else _earlier()
    if request.method == "POST":
        return _do(request, step, target)
    title, meaning = _STEPS[step]
    context = {"title": title, "meaning": meaning, "model": target, "step": step, "pk": pk}
    return render(request, "liveness/model_confirm.html", context)


@managers_only
@require_POST
def stop_shadow(request: HttpRequest) -> HttpResponse:
    registry.stop_shadow(by=request.user)
    messages.success(request, gettext("No model scores beside the champion any more."))
    return redirect("models:models")


@managers_only
@require_POST
def notes(request: HttpRequest, pk: int) -> HttpResponse:
    found = _found(pk)
    registry.set_notes(model=found, notes=request.POST.get("notes", "")[:4000])
    messages.success(request, gettext("The notes are kept."))
    return redirect(found)


@managers_only
@require_safe
def shadow(request: HttpRequest, pk: int) -> HttpResponse:
    """Where the shadow and the champion of each attempt disagree."""
    found = _found(pk)
    return render(
        request,
        "liveness/model_shadow.html",
        {"model": found, "found": disagreement.of(found)},
    )


def _do(request: HttpRequest, step: str, target: ModelVersion | None) -> HttpResponse:
    try:
        messages.success(request, _done(step, target, request.user))
    except ApprovalNeeded as error:
        messages.success(request, str(error))
    except (BundleError, GateError, LookupError) as error:
        messages.error(request, gettext("Nothing was changed: %(why)s") % {"why": error})
    return redirect(target) if target and step != "roll-back" else redirect("models:models")


def _done(step: str, target: ModelVersion | None, by: Any) -> str:
    """Call the service; what to say. Raises what it raises."""
    if step == "roll-back" or target is None:
        now = registry.roll_back_model(by=by)
    elif step == "shadow":
        registry.start_shadow(model=target, by=by)
        return gettext("%(name)s scores beside the champion from the next attempts on.") % {
            "name": target.name
        }
    elif step == "approve":
        now = registry.approve_model(model=target, by=by)
    else:
        now = registry.promote_model(model=target, by=by)
    _load_behind_the_scenes()
    return gettext("%(name)s judges from the next attempt on.") % {"name": now.name}


def _load_behind_the_scenes() -> None:
    """This process begins to load at once; the others do when their next attempt or health check comes."""
    runtime.health()


def _found(pk: int) -> ModelVersion:
    rows = ModelVersion.objects.select_related("parent", "trained_by", "asked_by", "approved_by")
    return get_object_or_404(rows, pk=pk)


def _earlier() -> ModelVersion | None:
    return registry.earlier_models(registry.active_model()).first()


def _row(found: ModelVersion, active: ModelVersion | None) -> dict[str, Any]:
    return {
        "model": found,
        "why_not": "" if found == active else registry.why_not(found, active),
        "gate": found.gate,
        "judged": parse_datetime(found.gate.get("at", "")),
    }


def _replica(report: ServingReport) -> dict[str, Any]:
    names = dict(ModelVersion.objects.values_list("sha256", "name"))
    return {
        "report": report,
        "serving": names.get(report.serving, report.serving[:12]),
        "behind": bool(report.problem) or report.serving != report.wanted,
    }


def _figures(metrics: dict[str, Any]) -> Any:
    """(what, EER, BPCER, worst APCER) of each part of the manifest's figures that has them."""
    for name, part in metrics.items():
        pooled = part.get("pooled") if isinstance(part, dict) else None
        if isinstance(pooled, dict):
            apcer = [row.get("rate") for row in (pooled.get("apcer") or {}).values()]
            yield {
                "name": name,
                "eer": pooled.get("eer"),
                "bpcer": (pooled.get("bpcer") or {}).get("rate"),
                "apcer": max((rate for rate in apcer if rate is not None), default=None),
                "n": (pooled.get("bona_fide"), pooled.get("attacks")),
            }
