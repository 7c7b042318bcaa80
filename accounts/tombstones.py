"""Who was erased, kept outside of the database: a backup from before must not bring anybody back.

VAR/erasures.jsonl has a line for every erasure: when, what, and the pseudonym that the audit trail has for the account.
It names nobody. ``erased`` does them again after a restore.
"""

import json
import logging
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction

from trail.models import AuditEntry

FILE = "erasures.jsonl"
ACCOUNT, FACE, CONSENT = "account_deleted", "face_deleted", "consent_withdrawn"
"""A consent for one purpose alone is told by ``CONSENT:purpose``."""

TRAINING = "consent_given"
"""With ``training`` false it ended the permission to train, before each purpose had an end of its own."""

EVERY_PURPOSE = "all"
"""What the trail calls the purpose where every consent was withdrawn; before there were purposes, it named none."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tombstone:
    """``at``: ISO time; ``event``: one of the above; ``subject``: a pseudonym of ``trail.chain``."""

    at: str
    event: str
    subject: str

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.at)


def note(entry: AuditEntry) -> None:
    """Keep an erasure that the trail just got, as soon as it is committed. Other entries are none."""
    if _is_erasure(entry):
        stone = _of(entry)
        transaction.on_commit(lambda: _append(stone), robust=True)


def of_the_trail() -> Iterable[Tombstone]:
    """All erasures that this site's audit trail knows, the oldest first: to be kept away from this machine."""
    entries = AuditEntry.objects.filter(event__in=(ACCOUNT, FACE, CONSENT, TRAINING))
    for entry in entries.order_by("number").iterator():
        if _is_erasure(entry):
            yield _of(entry)


def read(paths: Iterable[Path]) -> list[Tombstone]:
    """The tombstones of these files; one that does not exist has none. Raises OSError, and ValueError for a bad line."""
    found = set()
    for path in paths:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        found |= {line_of(line) for line in lines if line.strip()}
    return sorted(found, key=lambda stone: stone.moment)


def line(stone: Tombstone) -> str:
    return json.dumps(asdict(stone))


def line_of(text: str) -> Tombstone:
    """Raises ValueError."""
    try:
        stone = Tombstone(**json.loads(text))
        stone.moment  # noqa: B018  (a bad time is a bad line)
    except (TypeError, ValueError) as error:
        raise ValueError(f"This is no line of a list of erasures: {text[:80]}") from error
    return stone


def _is_erasure(entry: AuditEntry) -> bool:
    ended = entry.event == TRAINING and entry.facts.get("training") is False
    return bool(entry.subject) and (ended or entry.event in (ACCOUNT, FACE, CONSENT))


def _of(entry: AuditEntry) -> Tombstone:
    purpose = entry.facts.get("purpose", EVERY_PURPOSE)
    alone = entry.event == CONSENT and purpose != EVERY_PURPOSE
    event = f"{CONSENT}:{purpose}" if alone else entry.event
    return Tombstone(entry.at.isoformat(), event, entry.subject)


def _append(stone: Tombstone) -> None:
    """One write of one line: several portals may share the folder."""
    try:
        handle = os.open(settings.VAR / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "ab", buffering=0) as file:
            file.write(line(stone).encode() + b"\n")
            os.fsync(file.fileno())
    except OSError as error:
        _log.error("an erasure is in the audit trail alone, not in %s: %s", FILE, error)
