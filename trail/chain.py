"""The hash chain: appending to it one at a time, and proving that it is whole.

Each entry's SHA-256 covers its canonical JSON, in which the digest of the entry before it stands. People are named by a
keyed digest, so that erasing a person leaves a chain that still verifies and names nobody.
"""

import hashlib
import hmac
import json
import logging
from dataclasses import dataclass
from datetime import UTC

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from trail import triggers
from trail.models import AuditEntry

Fact = str | int | bool | None

GENESIS = "0" * 64
"""What the first entry names as the one before."""

_LOCK = 0x6C69_7665_6761_7465
_LONGEST = 500
_log = logging.getLogger("livegate.audit")


class Broken(ValueError):
    """The trail was tampered with. number: the first entry that is not as it was written."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"The audit trail is broken at entry {number}: {why}")
        self.number = number


@dataclass(frozen=True)
class Whole:
    """A chain that verifies: how many entries, and the digest of the last."""

    entries: int
    head: str


def append(
    event: str, *, subject: object = None, actor: object = None, **facts: object
) -> AuditEntry:
    """Add an entry about ``subject``, done by ``actor``: primary keys of accounts, of which a pseudonym is kept.

    It shares the fate of the transaction around it, and appending waits for others that append: make it the last thing
    of a transaction. facts: text, whole numbers, yes or no. Raises TypeError for anything else: a score or a picture
    has no place here.
    """
    plain = {name: _plain(name, value) for name, value in facts.items()}
    with transaction.atomic():
        _wait_for_others()
        number, digest = _head()
        entry = AuditEntry(
            number=number + 1,
            at=timezone.now(),
            event=event,
            subject=pseudonym(subject),
            actor=pseudonym(actor),
            facts=plain,
            previous=digest,
        )
        entry.digest = digest_of(entry)
        entry.save()
    _log.info("%d %s %s", entry.number, entry.event, entry.digest)
    return entry


def digest_of(entry: AuditEntry) -> str:
    """SHA-256, in hex, over the canonical JSON of everything in an entry but the digest itself."""
    fields = ("number", "event", "subject", "actor", "facts", "previous")
    content = {name: getattr(entry, name) for name in fields}
    content["at"] = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def head() -> str:
    """The digest of the last entry."""
    return _head()[1]


def verify(noted: str = "") -> Whole:
    """Recompute every entry from the first. noted: a head from earlier that must still be in the chain.

    Raises Broken: an entry changed, missing or inserted; the end cut off, if ``noted`` was there; no guard in the
    database.
    """
    number, digest, seen = 0, GENESIS, noted in ("", GENESIS)
    for entry in AuditEntry.objects.order_by("number").iterator(chunk_size=2000):
        number += 1
        _check(entry, number, digest)
        digest = entry.digest
        seen = seen or digest == noted
    if not seen:
        raise Broken(number + 1, f"the entry with the digest {noted} is gone.")
    if missing := triggers.missing(connection):
        raise Broken(number + 1, f"the database no longer guards it ({', '.join(missing)}).")
    return Whole(number, digest)


def pseudonym(person: object) -> str:
    """What an account is called in the trail: 32 hexadecimal digits; empty for nobody."""
    return "" if person is None else _keyed(settings.SECRET_KEY, person)


def pseudonyms(person: object) -> list[str]:
    """All that an account may be called: under SECRET_KEY, and under keys before it."""
    return [_keyed(key, person) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def _keyed(key: str, person: object) -> str:
    message = f"audit subject {person}".encode()
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()[:32]


def _plain(name: str, value: object) -> Fact:
    """PostgreSQL's JSON cannot hold every character that a stranger may type."""
    if isinstance(value, str):
        return value[:_LONGEST].replace("\0", "").encode("utf-8", "replace").decode()
    if value is None or isinstance(value, int):
        return value
    raise TypeError(f"{name} is a {type(value).__name__}: the audit trail holds plain facts.")


def _wait_for_others() -> None:
    """Until the end of this transaction nobody else appends. SQLite's transactions exclude each other anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _head() -> tuple[int, str]:
    last = AuditEntry.objects.order_by("-number").values_list("number", "digest").first()
    return last or (0, GENESIS)


def _check(entry: AuditEntry, number: int, digest: str) -> None:
    if entry.number != number:
        raise Broken(number, f"it is missing; the next one is {entry.number}.")
    if entry.previous != digest:
        raise Broken(number, "it does not follow the entry before it.")
    if entry.digest != digest_of(entry):
        raise Broken(number, "its content is not what was written.")
