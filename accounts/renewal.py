"""Faces change with time: what a match measured may move the template a little, once a strong second factor agrees.

Without that factor somebody who looks alike could move a template step by step until it is their own. Off while
LIVEGATE_TEMPLATE_UPDATE is 0; otherwise it is how far a template moves, as a share.
"""

import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit, matching
from accounts.models import FaceTemplate, User
from liveness.crypto import SealError
from liveness.engine.faces import Embedding

PATIENCE = timedelta(minutes=10)
STRONG = frozenset({"totp", "webauthn"})
"""Factors of allauth that prove possession; a recovery code is for emergencies."""


def propose(user: User, embedding: Embedding) -> None:
    """Keep the embedding of a match, rotated and sealed, for PATIENCE. Raises liveness.crypto.SealError."""
    template = FaceTemplate.objects.filter(user=user).first()
    if settings.LIVEGATE_TEMPLATE_UPDATE and template is not None:
        FaceTemplate.objects.filter(pk=template.pk, sealed_seed=template.sealed_seed).update(
            pending=matching.rotated(template, embedding), pending_since=timezone.now()
        )


def confirm(user: User, records: Iterable[Mapping[str, Any]]) -> bool:
    """Move the template, if a match waits for it and allauth's records of this session name a strong factor."""
    if not any(_is_strong(record) for record in records):
        return False
    with transaction.atomic():
        forget_unconfirmed()
        waiting = FaceTemplate.objects.filter(user=user, pending__isnull=False)
        template = waiting.select_for_update().first()
        return template is not None and bool(settings.LIVEGATE_TEMPLATE_UPDATE) and _move(template)


def forget_unconfirmed(now: datetime | None = None) -> int:
    """Erase what nobody confirmed in time; says how many."""
    oldest = (now or timezone.now()) - PATIENCE
    late = FaceTemplate.objects.filter(pending_since__lte=oldest)
    return late.update(pending=None, pending_since=None)


def _move(template: FaceTemplate) -> bool:
    try:
        sealed = matching.blended(
            template, bytes(template.pending or b""), settings.LIVEGATE_TEMPLATE_UPDATE
        )
    except SealError:
        audit.refused("face_template_damaged", user=template.user_id)
        return False
    FaceTemplate.objects.filter(pk=template.pk).update(
        sealed=sealed, pending=None, pending_since=None
    )
    audit.accepted("face_template_updated", user=template.user_id)
    return True


def _is_strong(record: Mapping[str, Any]) -> bool:
    fresh = time.time() - float(record.get("at", 0)) < PATIENCE.total_seconds()
    return fresh and record.get("method") == "mfa" and record.get("type") in STRONG
