"""What other rooms tell becomes events for webhooks, in their transaction; sending begins after its commit."""

from functools import partial
from typing import Any

from django.db import transaction

from accounts.happenings import consent_withdrawn, face_erased, person_erased
from accounts.models import User
from api import captures, erasure, tasks, webhooks
from api.models import Capture, WebhookDelivery
from liveness.models import Attempt, ModelVersion
from liveness.signals import attempt_decided, attempt_reviewed, model_changed


def connect() -> None:
    """Called once when the app is ready."""
    attempt_decided.connect(_decided, dispatch_uid="api.decided")
    attempt_reviewed.connect(_reviewed, dispatch_uid="api.reviewed")
    model_changed.connect(_model, dispatch_uid="api.model")
    captures.capture_redeemed.connect(_redeemed, dispatch_uid="api.redeemed")
    face_erased.connect(_erased, dispatch_uid="api.erased")
    consent_withdrawn.connect(_withdrawn, dispatch_uid="api.withdrawn")
    person_erased.connect(_gone, dispatch_uid="api.gone")


def tell(kind: str, data: dict[str, Any], **whose: Any) -> None:
    """Write an event and have it sent after the commit. whose: see ``webhooks.emit``."""
    send_after_commit(webhooks.emit(kind, data, **whose))


def send_after_commit(deliveries: list[WebhookDelivery]) -> None:
    """A broker that does not answer undoes nothing: the rows wait for the next sweep."""
    if numbers := [delivery.pk for delivery in deliveries]:
        transaction.on_commit(partial(tasks.send_soon, numbers), robust=True)


def _decided(sender: Any, attempt: Attempt, **kwargs: Any) -> None:
    kind = "attempt.ended" if attempt.claimed_at is None else "attempt.compared"
    data = {
        "id": str(attempt.pk),
        "purpose": attempt.purpose,
        "state": attempt.state,
        "reason": attempt.reason,
        "matched": attempt.matched,
    }
    tell(kind, data, person_id=attempt.user_id)
    if kind == "attempt.ended":
        _finished(attempt)


def _finished(attempt: Attempt) -> None:
    capture = Capture.objects.select_related("key").filter(attempt=attempt).first()
    if capture is not None:
        capture.attempt = attempt
        _about(capture, "capture.finished", state=captures.state(capture))


def _redeemed(sender: Any, capture: Capture, verdict: str, **kwargs: Any) -> None:
    _about(capture, "capture.redeemed", verdict=verdict)


def _about(capture: Capture, kind: str, **more: Any) -> None:
    data = {"id": str(capture.pk), "purpose": capture.purpose, "reference": capture.reference}
    tell(kind, data | more, person_id=capture.person_id, key_owner_id=capture.key.owner_id)


def _reviewed(sender: Any, attempt: Attempt, **kwargs: Any) -> None:
    data = {"id": str(attempt.pk), "label": attempt.label, "disputed": attempt.disputed}
    tell("attempt.reviewed", data, person_id=attempt.user_id)


def _model(sender: Any, model: ModelVersion, step: str, **kwargs: Any) -> None:
    data = {"id": model.pk, "name": model.name, "sha256": model.sha256, "state": model.state}
    tell(f"model.{step}", data | ({"passed": model.gate["passed"]} if step == "judged" else {}))


def _erased(sender: Any, user: User, **kwargs: Any) -> None:
    webhooks.forget_person(user.pk)
    erasure.forget(user)


def _withdrawn(sender: Any, user: User, purposes: list[str], **kwargs: Any) -> None:
    data = {"person": user.get_username(), "purposes": purposes}
    tell("consent.withdrawn", data, person_id=user.pk)


def _gone(sender: Any, user_id: Any, username: str, **kwargs: Any) -> None:
    tell("person.erased", {"person": username})
