"""Every write about models: register, judge, promote, approve, roll back, shadow.

States change by compare-and-set inside one transaction that holds every model's row, so that one champion remains
whoever comes at the same time and wherever a process dies. What happened is kept as ModelEvent rows.
"""

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from liveness import bundle_store
from liveness.bundle_store import local_folder
from liveness.engine import bundle as bundles
from liveness.engine.bundle import Bundle, BundleError
from liveness.engine.fas import LivenessModel
from liveness.models import Attempt, ModelEvent, ModelVersion, ServingReport, default_folder
from liveness.signals import model_changed
from trail import chain

__all__ = ["BundleError", "local_folder"]

logger = logging.getLogger(__name__)
State = ModelVersion.State

_FORGET_REPLICAS = timedelta(days=1)


class GateError(PermissionError):
    """The model may not be promoted; the message says why in words."""


class ApprovalError(GateError):
    """A second person is needed: nobody asked, nobody is named, or it is the person who asked."""


class ApprovalNeeded(GateError):
    """It was asked for; now another person has to approve."""


def register_model(
    *,
    folder: Path,
    parent: ModelVersion | None = None,
    data_digest: str = "",
    trained_by: Any = None,
) -> ModelVersion:
    """Prove a bundle folder, store its files and record it as a candidate; a known one keeps its row.

    The default bundle is recorded where it lies. Raises BundleError, and nothing is recorded.
    """
    bundle = _prove(folder)
    if folder == default_folder():
        return _register_default(bundle)
    known = ModelVersion.objects.filter(sha256=bundle.sha256).first()
    if known is not None:
        return _same(known, bundle)
    location = bundle_store.put(folder, bundle)
    values = {
        "location": location,
        "parent": parent,
        "trained_by_id": getattr(trained_by, "pk", None),
    }
    try:
        return _record(bundle, values | {"data_digest": data_digest or _digest_of(bundle)})
    except IntegrityError:
        bundle_store.remove(location, bundle.manifest)
        return _same(ModelVersion.objects.get(sha256=bundle.sha256), bundle)


def promote_model(*, model: ModelVersion, by: Any = None) -> ModelVersion:
    """Make a model the one that judges, and retire the one before, in one transaction.

    The bundle is proven first. The default bundle and models that judged before need neither gate nor second person.
    Raises BundleError, GateError, and ApprovalNeeded after noting who asked; then nothing else has changed.
    """
    _prove_stored(model)
    if settings.LIVEGATE_SECOND_PERSON and not _exempt(model):
        _ask(model, by)
        raise ApprovalNeeded(f"{model.name} waits for the approval of another person.")
    return _promote(model, by, "promoted")


def approve_model(*, model: ModelVersion, by: Any) -> ModelVersion:
    """The second person agrees, and the model is promoted at once. Raises ApprovalError, GateError and BundleError."""
    _prove_stored(model)
    return _promote(model, by, "approved and promoted", approver=by)


def roll_back_model(*, by: Any = None) -> ModelVersion:
    """Promote the model that judged before the present one did; one person is enough.

    Twice in a row goes back two steps. Raises LookupError when there is none, and BundleError.
    """
    active = active_model()
    before = earlier_models(active).first()
    if before is None:
        raise LookupError("There is no earlier model to go back to.")
    _prove_stored(before)
    since = before.promoted
    return _promote(before, by, "rolled back to", expected=active, promoted=since)


def ensure_bundled_model() -> ModelVersion:
    """Record the default bundle; activate it if nothing is active, or if it replaced an earlier default.

    Raises BundleError.
    """
    model = register_model(folder=default_folder())
    active = active_model()
    stale = active is None or (not active.location and active.pk != model.pk)
    return _promote(model, None, "promoted as the default") if stale else model


def record_gate(
    *,
    model: ModelVersion,
    champion: ModelVersion | None,
    passed: bool,
    report: dict[str, Any],
    by: Any = None,
) -> ModelVersion:
    """Keep what the gate said of a candidate: ``report`` has ``reasons`` in words, and what else is worth a glance."""
    gate = {
        **report,
        "passed": passed,
        "champion": champion.sha256 if champion else "",
        "at": timezone.now().isoformat(timespec="seconds"),
    }
    against = champion.name if champion else "nothing"
    with transaction.atomic():
        ModelVersion.objects.filter(pk=model.pk).update(gate=gate, asked_by=None)
        _note(model, by, f"{'passed' if passed else 'failed'} the gate against {against}")
        model.refresh_from_db()
        model_changed.send(ModelVersion, model=model, step="judged")
    return model


def start_shadow(*, model: ModelVersion, by: Any = None) -> ModelVersion:
    """Let a model score attempts beside the champion; one at a time. Raises BundleError, GateError for the champion."""
    _prove_stored(model)
    with transaction.atomic():
        _lock()
        ModelVersion.objects.filter(shadow=True).exclude(pk=model.pk).update(shadow=False)
        rest = ModelVersion.objects.filter(pk=model.pk).exclude(state=State.ACTIVE)
        if not rest.update(shadow=True):
            raise GateError(f"{model.name} judges already; it cannot be its own shadow.")
        _note(model, by, "began to score beside the champion")
    model.refresh_from_db()
    return model


def stop_shadow(*, by: Any = None) -> None:
    """No model scores beside the champion any more."""
    with transaction.atomic():
        _lock()
        for model in ModelVersion.objects.filter(shadow=True):
            ModelVersion.objects.filter(pk=model.pk).update(shadow=False)
            _note(model, by, "no longer scores beside the champion")


def note_shadow(*, attempt: Attempt, result: dict[str, Any]) -> bool:
    """Keep what the shadow model would have said of an attempt, once; the attempt itself is not touched."""
    rows = Attempt.objects.filter(pk=attempt.pk, shadow__isnull=True)
    return bool(rows.update(shadow=result))


def note_serving(*, replica: str, serving: str, wanted: str, problem: str) -> None:
    """What one process serves (SHA-256, empty: none) and why it is not what it should; old rows go."""
    now = timezone.now()
    ServingReport.objects.update_or_create(
        replica=replica[:150],
        defaults={"serving": serving, "wanted": wanted, "problem": problem, "updated": now},
    )
    ServingReport.objects.filter(updated__lt=now - _FORGET_REPLICAS).delete()


def set_notes(*, model: ModelVersion, notes: str) -> None:
    """What people want to remember of a model."""
    ModelVersion.objects.filter(pk=model.pk).update(notes=notes)


def active_model() -> ModelVersion | None:
    """The champion."""
    return ModelVersion.objects.filter(state=State.ACTIVE).first()


def earlier_models(active: ModelVersion | None) -> QuerySet[ModelVersion]:
    """Models that judged before the present one did, the latest first."""
    rows = ModelVersion.objects.filter(state=State.RETIRED, promoted__isnull=False)
    if active is not None and active.promoted is not None:
        rows = rows.filter(promoted__lt=active.promoted)
    return rows.order_by("-promoted", "-pk")


def why_not(model: ModelVersion, champion: ModelVersion | None) -> str:
    """Why the gate keeps a model out, in words; empty when it does not."""
    if not settings.LIVEGATE_GATE_REQUIRED or _exempt(model):
        return ""
    if not model.gate:
        return f"{model.name} has not been through the gate."
    if not model.gate.get("passed"):
        reasons = "; ".join(model.gate.get("reasons", [])) or "no reason was given"
        return f"{model.name} failed the gate: {reasons}"
    if champion is None or model.gate.get("champion") != champion.sha256:
        return f"{model.name} passed against a model that no longer judges; run the gate again."
    return ""


def _register_default(bundle: Bundle) -> ModelVersion:
    """The default comes with the software: an update may bring the same weights with another threshold."""
    known = ModelVersion.objects.filter(sha256=bundle.sha256).first()
    if known is None:
        try:
            return _record(bundle, {"data_digest": _digest_of(bundle)})
        except IntegrityError:
            known = ModelVersion.objects.get(sha256=bundle.sha256)
    if not known.location and known.manifest != dict(bundle.manifest):
        facts = {"manifest": dict(bundle.manifest), "metrics": bundle.manifest.get("figures") or {}}
        ModelVersion.objects.filter(pk=known.pk).update(**facts)
        _note(known, None, "came with another manifest")
        known.refresh_from_db()
    return known


def _same(known: ModelVersion, bundle: Bundle) -> ModelVersion:
    if known.manifest != dict(bundle.manifest):
        raise BundleError(
            f"These weights are registered as {known.name} with another manifest; a version never changes."
        )
    return known


def _record(bundle: Bundle, values: dict[str, Any]) -> ModelVersion:
    with transaction.atomic():
        model = ModelVersion.objects.create(
            name=bundle.name[:100],
            sha256=bundle.sha256,
            manifest=dict(bundle.manifest),
            metrics=bundle.manifest.get("figures") or {},
            **values,
        )
        _note(model, model.trained_by, "registered")
        model_changed.send(ModelVersion, model=model, step="registered")
    return model


def _promote(
    model: ModelVersion,
    by: Any,
    words: str,
    *,
    approver: Any = None,
    expected: ModelVersion | None = None,
    promoted: Any = None,
) -> ModelVersion:
    with transaction.atomic():
        _lock()
        fresh, champion = ModelVersion.objects.get(pk=model.pk), active_model()
        if expected is not None and champion != expected:
            raise GateError("Another model became active in the meantime; nothing was changed.")
        if champion != fresh:
            _admit(fresh, champion, approver, expected is not None)
            _retire(champion)
            _activate(fresh, by if approver else None, promoted or timezone.now())
            _note(fresh, by, words)
            fresh.refresh_from_db()
            model_changed.send(ModelVersion, model=fresh, step="promoted")
            _trail("model_promoted" if expected is None else "model_rolled_back", fresh, by)
    model.refresh_from_db()
    logger.info("model %s (%s) is active", model.name, model.sha256[:8])
    return model


def _admit(
    model: ModelVersion, champion: ModelVersion | None, approver: Any, going_back: bool
) -> None:
    """Gate and second person, looked at while the rows are held. Raises GateError."""
    if words := why_not(model, champion):
        raise GateError(words)
    if settings.LIVEGATE_SECOND_PERSON and not going_back and not _exempt(model):
        _check_second(model, approver)


def _check_second(model: ModelVersion, approver: Any) -> None:
    if model.asked_by_id is None:
        raise ApprovalError(f"Nobody has asked for {model.name} yet.")
    if approver is None or approver.pk is None:
        raise ApprovalError("An approval needs a named person.")
    if approver.pk == model.asked_by_id:
        raise ApprovalError("Whoever asked cannot approve; another person has to.")


def _retire(champion: ModelVersion | None) -> None:
    if champion is not None:
        ModelVersion.objects.filter(pk=champion.pk, state=State.ACTIVE).update(
            state=State.RETIRED, retired=timezone.now()
        )


def _activate(model: ModelVersion, approved_by: Any, promoted: Any) -> None:
    waiting = ModelVersion.objects.filter(pk=model.pk, state__in=[State.CANDIDATE, State.RETIRED])
    if not waiting.update(
        state=State.ACTIVE,
        promoted=promoted,
        retired=None,
        shadow=False,
        approved_by_id=getattr(approved_by, "pk", None),
    ):
        raise GateError(f"{model.name} was changed by somebody else; nothing was done.")


def _ask(model: ModelVersion, by: Any) -> None:
    """Note who asks, unless somebody did already. A model that the gate keeps out is not worth anybody's approval."""
    if words := why_not(ModelVersion.objects.get(pk=model.pk), active_model()):
        raise GateError(words)
    if getattr(by, "pk", None) is None:
        raise ApprovalError("Two people have to agree: say who asks.")
    with transaction.atomic():
        if ModelVersion.objects.filter(pk=model.pk, asked_by=None).update(asked_by=by):
            _note(model, by, "asked for promotion")
            _trail("model_promotion_asked", model, by)
    model.refresh_from_db()


def _exempt(model: ModelVersion) -> bool:
    """The default bundle, and whatever judged before."""
    return not model.location or model.promoted is not None


def _lock() -> None:
    """Hold every model's row: promotions come one after the other, and each sees the one before."""
    list(ModelVersion.objects.select_for_update().order_by("pk").values_list("pk"))


def remark(*, model: ModelVersion, text: str) -> None:
    """Add to what happened to a model something that changes nothing about it."""
    _note(model, None, text)


def _note(model: ModelVersion, by: Any, text: str) -> None:
    ModelEvent.objects.create(model=model, by_id=getattr(by, "pk", None), text=text)


def _trail(event: str, model: ModelVersion, by: Any) -> None:
    threshold = (model.manifest.get("threshold") or {}).get("value", "")
    chain.append(event, actor=getattr(by, "pk", None), model=model.sha256, threshold=str(threshold))


def _digest_of(bundle: Bundle) -> str:
    data = bundle.manifest.get("data") or {}
    return str(data.get("sha256", ""))[:64]


def _prove_stored(model: ModelVersion) -> None:
    folder = local_folder(model)
    _prove(folder)


def _prove(folder: Path) -> Bundle:
    """Load a bundle and let it reproduce its golden vectors. Raises BundleError, whatever is wrong with it."""
    try:
        return LivenessModel(bundles.load(folder)).bundle
    except BundleError:
        raise
    except Exception as error:
        raise BundleError(f"{folder} cannot be proven: {error}") from error
