"""Webhooks: addresses of other applications, and the outbox from which they hear what happened.

An event is written in the transaction in which it happens, for every webhook that may hear it; ``api.delivering`` sends
it afterwards. Signatures follow https://www.standardwebhooks.com (version v1).
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.models import User
from api import posting
from api.models import Webhook, WebhookDelivery, WebhookEvent
from liveness.crypto import seal, unseal
from liveness.keyring import Sealed

TEST = "webhook.test"
MARK = "whsec_"
MOST_A_PERSON = 50
Why = Webhook.Why
State = WebhookDelivery.State


@dataclass(frozen=True)
class Kind:
    """A kind of event. permission: what the owner needs to hear it; own: only of captures of the owner's keys."""

    words: Promise
    permission: str = ""
    own: bool = False


EVENTS = {
    "attempt.ended": Kind(_("An attempt ended"), "liveness.review_attempt"),
    "attempt.compared": Kind(_("A living face was compared"), "liveness.review_attempt"),
    "attempt.reviewed": Kind(_("An attempt was labelled"), "liveness.review_attempt"),
    "model.registered": Kind(_("A model was registered"), "liveness.promote_model"),
    "model.judged": Kind(_("A model went through the gate"), "liveness.promote_model"),
    "model.promoted": Kind(_("Another model judges"), "liveness.promote_model"),
    "capture.finished": Kind(_("A capture of yours was finished"), own=True),
    "capture.redeemed": Kind(_("A capture of yours was redeemed"), own=True),
    "consent.withdrawn": Kind(_("A person withdrew their consent"), "accounts.view_user"),
    "person.erased": Kind(_("A person was erased"), "accounts.view_user"),
}


class WebhookError(ValueError):
    """The webhook cannot be so. ``code`` and ``field``: for programs; the text says what to change."""

    def __init__(self, field: str, code: str, text: str) -> None:
        super().__init__(text)
        self.field, self.code = field, code


def create_webhook(
    *, owner: User, url: str, events: Iterable[str], note: str = ""
) -> tuple[Webhook, str]:
    """A new webhook and its secret, ``whsec_…``, which is shown once. Raises WebhookError."""
    wanted = _known(events)
    _check(url)
    if not (owner.is_active and owner.is_staff):
        raise WebhookError(
            "url", "not_staff", gettext("Webhooks belong to active staff accounts alone.")
        )
    if owner.webhooks.count() >= MOST_A_PERSON:
        raise WebhookError("url", "too_many", f"{MOST_A_PERSON} webhooks are enough; delete one.")
    hook = Webhook(owner=owner, url=url, note=note[:100], events=wanted)
    key = secrets.token_bytes(32)
    hook.secret = seal(key, _context(hook))
    hook.save()
    audit.accepted("webhook_created", user=owner.pk, webhook=str(hook.pk), events=wanted)
    return hook, _written(key)


def renew_secret(*, hook: Webhook, by: User) -> str:
    """Another secret, from now on; the old one signs nothing any more."""
    key = secrets.token_bytes(32)
    Webhook.objects.filter(pk=hook.pk).update(secret=seal(key, _context(hook)))
    audit.accepted("webhook_secret_renewed", user=by.pk, webhook=str(hook.pk))
    return _written(key)


def disable(*, hook: Webhook, why: str, by: User | None = None) -> bool:
    """Send it nothing more; what waits is kept. False when it was disabled before."""
    rows = Webhook.objects.filter(pk=hook.pk, disabled=None)
    if not rows.update(disabled=timezone.now(), why=why):
        return False
    audit.accepted("webhook_disabled", user=by.pk if by else None, webhook=str(hook.pk), why=why)
    hook.refresh_from_db()
    return True


def enable(*, hook: Webhook, by: User) -> None:
    """Send it events again, at first those that wait. Raises WebhookError where the address is no longer allowed."""
    _check(hook.url)
    rows = Webhook.objects.filter(pk=hook.pk).exclude(disabled=None)
    if rows.update(disabled=None, why=Why.WORKING, failing_since=None):
        hook.deliveries.filter(state=State.WAITING).update(due=timezone.now())
        audit.accepted("webhook_enabled", user=by.pk, webhook=str(hook.pk))
    hook.refresh_from_db()


def delete(*, hook: Webhook, by: User) -> None:
    """The webhook, its log and what waits for it."""
    number = str(hook.pk)
    hook.delete()
    audit.accepted("webhook_deleted", user=by.pk, webhook=number)


def emit(
    kind: str, data: Mapping[str, Any], *, person_id: Any = None, key_owner_id: Any = None
) -> list[WebhookDelivery]:
    """Write an event for every webhook that may hear it; call it in the transaction of what happened.

    data: plain JSON, without pictures, scores or templates. person_id: whose erasure erases the event too.
    key_owner_id: of a capture, whose key ordered it.
    """
    rows = Webhook.objects.filter(disabled=None).select_related("owner")
    hearing = [hook for hook in rows if _hears(hook, kind, key_owner_id)]
    return _write(kind, data, hearing, person_id) if hearing else []


def emit_test(*, hook: Webhook) -> WebhookDelivery:
    """An event that says nothing, for this webhook alone. Raises WebhookError while it is disabled."""
    _check_working(hook)
    words = "This is a test. Nothing has happened."
    return _write(TEST, {"words": words}, [hook], None)[0]


def resend(*, delivery: WebhookDelivery) -> None:
    """Send it once more, whatever became of it, with the same id.

    Raises WebhookError while the webhook is disabled, and where nothing is left to send.
    """
    _check_working(delivery.webhook)
    if not delivery.event.body:
        raise WebhookError(
            "event", "erased", gettext("The person is erased, and the event with them.")
        )
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        state=State.WAITING, tries=0, due=timezone.now(), ended=None
    )


def forget_person(person_id: Any) -> None:
    """Delete the events about a person, sent or not."""
    WebhookEvent.objects.filter(person_id=person_id).delete()


def forget_old(now: datetime | None = None) -> int:
    """Delete events older than LIVEGATE_WEBHOOK_DAYS with their log; says how many."""
    oldest = (now or timezone.now()) - timedelta(days=settings.LIVEGATE_WEBHOOK_DAYS)
    _, counts = WebhookEvent.objects.filter(at__lt=oldest).delete()
    return counts.get("api.WebhookEvent", 0)


def headers(delivery: WebhookDelivery, now: datetime) -> dict[str, str]:
    """What goes along with the body. Raises liveness.crypto.SealError when the secret cannot be opened."""
    number, at = f"msg_{delivery.event_id.hex}", str(int(now.timestamp()))
    hook = delivery.webhook
    signature = sign(unseal(hook.secret or b"", _context(hook)), number, at, delivery.event.body)
    return {
        "Content-Type": "application/json",
        "User-Agent": "Livegate",
        "webhook-id": number,
        "webhook-timestamp": at,
        "webhook-signature": signature,
    }


def sign(key: bytes, number: str, at: str, body: str) -> str:
    """``v1,`` and the base64 of HMAC-SHA256 over id, timestamp (seconds since 1970) and body, joined by full stops."""
    mac = hmac.new(key, f"{number}.{at}.{body}".encode(), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(mac).decode()}"


def may_hear(owner: User, kind: str) -> bool:
    """Has this person the permission that goes with this kind of event?"""
    permission = EVENTS[kind].permission if kind in EVENTS else ""
    return owner.is_active and owner.is_staff and (not permission or owner.has_perm(permission))


def _hears(hook: Webhook, kind: str, key_owner_id: Any) -> bool:
    if kind not in hook.events or (EVENTS[kind].own and hook.owner_id != key_owner_id):
        return False
    return may_hear(hook.owner, kind)


@transaction.atomic
def _write(
    kind: str, data: Mapping[str, Any], hooks: list[Webhook], person_id: Any
) -> list[WebhookDelivery]:
    now = timezone.now()
    content = {"type": kind, "timestamp": now.isoformat(), "data": data}
    body = json.dumps(content, separators=(",", ":"))
    event = WebhookEvent.objects.create(type=kind, at=now, body=body, person_id=person_id)
    return WebhookDelivery.objects.bulk_create(
        WebhookDelivery(webhook=hook, event=event, due=now) for hook in hooks
    )


def _check_working(hook: Webhook) -> None:
    if hook.disabled:
        raise WebhookError(
            "webhook", "disabled", gettext("This webhook is switched off; switch it on.")
        )


def _known(events: Iterable[str]) -> list[str]:
    wanted = sorted(set(events))
    if unknown := [kind for kind in wanted if kind not in EVENTS]:
        raise WebhookError(
            "events", "unknown", gettext("Unknown event %(names)s.") % {"names": ", ".join(unknown)}
        )
    if not wanted:
        raise WebhookError("events", "required", gettext("Name at least one event."))
    return wanted


def _check(url: str) -> None:
    """Say at once what would never be sent. The name is asked for again at every try."""
    try:
        posting.resolve(posting.target(url))
    except posting.Refused as error:
        raise WebhookError("url", "refused", str(error)) from error
    except OSError as error:
        raise WebhookError(
            "url", "unknown_host", gettext("The name of this host is not known.")
        ) from error


def _written(key: bytes) -> str:
    return MARK + base64.b64encode(key).decode()


def _context(hook: Webhook) -> str:
    return f"webhook:{hook.pk}"


SEALED = (Sealed(Webhook, "secret", _context),)
"""What a rotation of keys seals anew."""
