"""Sends what is in the outbox: at least once, later and later after failures, in a worker or in the portal itself."""

import http.client
import logging
import random
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, override

from api import posting, webhooks
from api.models import Webhook, WebhookDelivery, WebhookEvent, WebhookTry
from api.posting import Answer
from api.webhooks import State, Why
from liveness.crypto import SealError

logger = logging.getLogger(__name__)

PAUSES = (5, 20, 80, 320, 1280, 5120, 20480, 81920, 86400, 86400)
"""Seconds between tries, before jitter: three days and six hours until it is given up."""

_JITTER = 0.2
_LONGEST = 86400.0
# A try takes half a minute at most; whoever has not written its end by then is taken for dead.
_LEASE = timedelta(minutes=2)
_GONE = 410


def pause_after(tries: int, asked: float = 0.0) -> float | None:
    """Seconds until the next try after so many that failed, None when it is over. asked: by a Retry-After."""
    if tries > len(PAUSES):
        return None
    jittered = PAUSES[tries - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)
    return max(jittered, min(asked, _LONGEST))


def due(now: datetime | None = None) -> list[WebhookDelivery]:
    """What is to be tried now, the longest due first."""
    rows = _waiting().filter(due__lte=now or timezone.now())
    return list(rows.order_by("due", "pk")[:200])


def deliver(number: int) -> bool:
    """Try one delivery, if it is due and nobody else tries it. False when the receiver did not take it."""
    delivery = _claim(number)
    if delivery is None:
        return True
    now, began = timezone.now(), time.monotonic()
    answer = _send(delivery, now)
    WebhookTry.objects.create(
        delivery=delivery,
        at=now,
        seconds=round(time.monotonic() - began, 3),
        status=answer.status or None,
        answer=answer.text,
    )
    logger.info("webhook %s: %s", delivery.webhook_id, answer.status or answer.text)
    taken = 200 <= answer.status < 300
    if taken:
        _succeed(delivery)
    else:
        _fail(delivery, answer)
    return taken


def deliver_due() -> int:
    """Try everything that is due, one after the other; a receiver that fails is left alone until the next round.

    Says how many were tried.
    """
    failed: set[object] = set()
    tried = 0
    for delivery in due():
        if delivery.webhook_id in failed:
            continue
        tried += 1
        if not deliver(delivery.pk):
            failed.add(delivery.webhook_id)
    return tried


def _waiting() -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.filter(state=State.WAITING, webhook__disabled=None)


def _claim(number: int) -> WebhookDelivery | None:
    """Compare and set: of several processes one gets it, and its death gives it back."""
    now = timezone.now()
    rows = _waiting().filter(pk=number, due__lte=now)
    delivery = rows.select_related("webhook__owner", "event").first()
    if delivery is None:
        return None
    same = WebhookDelivery.objects.filter(
        pk=number, state=State.WAITING, due=delivery.due, tries=delivery.tries
    )
    if not same.update(due=now + _LEASE, tries=delivery.tries + 1):
        return None
    delivery.tries += 1
    return delivery


def _send(delivery: WebhookDelivery, now: datetime) -> Answer:
    """The receiver's answer; with status 0 why there is none."""
    hook, event = delivery.webhook, delivery.event
    if not webhooks.may_hear(hook.owner, event.type):
        return Answer(0, "The owner of this webhook may no longer hear of this.", 0.0)
    try:
        return posting.post(hook.url, event.body.encode(), webhooks.headers(delivery, now))
    except (posting.Refused, SealError, OSError, http.client.HTTPException) as error:
        return Answer(0, (str(error) or type(error).__name__)[:500], 0.0)


def _succeed(delivery: WebhookDelivery) -> None:
    _end(delivery, State.SENT)
    Webhook.objects.filter(pk=delivery.webhook_id).update(failing_since=None)


def _fail(delivery: WebhookDelivery, answer: Answer) -> None:
    now, hook = timezone.now(), delivery.webhook
    pause = pause_after(delivery.tries, answer.wait)
    if pause is None:
        _end(delivery, State.FAILED)
    else:
        _mine(delivery).update(due=now + timedelta(seconds=pause))
    Webhook.objects.filter(pk=hook.pk, failing_since=None).update(failing_since=now)
    hook.refresh_from_db()
    patience = timedelta(days=settings.LIVEGATE_WEBHOOK_FAILING_DAYS)
    if answer.status == _GONE:
        _give_up(hook, Why.GONE)
    elif hook.failing_since is not None and now - hook.failing_since >= patience:
        _give_up(hook, Why.FAILING)


def _mine(delivery: WebhookDelivery) -> QuerySet[WebhookDelivery]:
    """The row, while it is as this try left it."""
    return WebhookDelivery.objects.filter(pk=delivery.pk, state=State.WAITING, tries=delivery.tries)


def _end(delivery: WebhookDelivery, state: str) -> None:
    """Once everybody was told of an erased person, nothing here names them any more."""
    _mine(delivery).update(state=state, ended=timezone.now())
    event = delivery.event
    if event.type == "person.erased" and not event.deliveries.filter(state=State.WAITING).exists():
        WebhookEvent.objects.filter(pk=event.pk).update(body="")


def _give_up(hook: Webhook, why: str) -> None:
    """Switch it off and tell its owner, once."""
    if not webhooks.disable(hook=hook, why=why) or not hook.owner.email:
        return
    link = settings.SITE_URL + reverse("api:webhook", args=[hook.pk])
    with override(hook.owner.language or settings.LANGUAGE_CODE):
        text = render_to_string("api/mail/webhook_disabled.txt", {"hook": hook, "link": link})
        send_mail(gettext("A webhook was switched off"), text, None, [hook.owner.email])
