"""The writes about attempts and their retention.

States change by compare-and-set: an UPDATE that names the state it expects. Whoever comes second changes nothing and
gets an exception.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from ipaddress import ip_address, ip_network
from operator import or_
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from liveness import crypto, embedder, evidence, sampling, telemetry, tickets, tracing
from liveness.engine.capture import Capture
from liveness.engine.faces import Embedding
from liveness.engine.session import Decision, Verdict
from liveness.models import Attempt, Evidence
from liveness.signals import attempt_decided, attempt_starting
from liveness.tickets import TicketError
from trail import chain

logger = logging.getLogger(__name__)
State = Attempt.State

NO_MATCH = "no_match"
# After the deadline a running attempt has this long to be closed; then its process is taken for dead.
_GRACE = timedelta(seconds=60)
_CLOSED_AS = {
    Verdict.PASS: State.PASSED,
    Verdict.FAIL: State.FAILED,
    Verdict.ABSTAIN: State.ABSTAINED,
}


class TooManyAttempts(PermissionError):
    """This client address opened too many attempts within a minute."""


class AttemptStateError(RuntimeError):
    """The attempt is no longer in the state this change starts from."""


class ClaimError(PermissionError):
    """The attempt cannot be used.

    ``code``: unknown_attempt, other_session, other_purpose, not_passed, used, expired or unreadable.
    """

    def __init__(self, code: str) -> None:
        super().__init__(f"The attempt cannot be used: {code}.")
        self.code = code


@dataclass(frozen=True)
class Purged:
    """What a purge removed: evidence frames and attempts; and how many dead attempts it closed."""

    evidence: int
    attempts: int
    abandoned: int


def open_attempt(
    *,
    purpose: str,
    session_key: str,
    claimed: str = "",
    user: AbstractBaseUser | None = None,
    client: str = "",
    user_agent: str = "",
) -> tuple[Attempt, str]:
    """Open a PENDING attempt and issue its ticket. A name that belongs to nobody takes the same path.

    client: the address of the browser; it is truncated before it is stored. Raises TooManyAttempts, and ValueError
    for an unknown purpose or a session that was never saved.
    """
    now = timezone.now()
    digest = tickets.session_digest(session_key)
    client = truncate_address(client)
    _limit_rate(client, now)
    attempt = Attempt.objects.create(
        purpose=Attempt.Purpose(purpose),
        claimed=claimed[:150],
        user_id=user.pk if user else None,
        session_digest=digest,
        client=client,
        user_agent=user_agent[:200],
        created=now,
        expires=now + timedelta(seconds=settings.LIVENESS_TICKET_SECONDS),
    )
    return attempt, tickets.issue(tickets.Ticket(attempt.pk, digest, attempt.purpose))


def start_attempt(
    *, ticket: str, session_key: str, purpose: str | None = None, camera: str = ""
) -> Attempt:
    """Redeem a ticket: PENDING becomes RUNNING, once. camera: what the browser says of it, as ``protocol`` cut it.

    Raises TicketError with code wrong_ticket, expired_ticket, used_ticket, other_session, other_purpose, or wait
    when a receiver of ``attempt_starting`` refuses; then the ticket is not used up.
    """
    bound = tickets.read(ticket)
    if not session_key or bound.session != tickets.session_digest(session_key):
        raise TicketError("other_session")
    if purpose is not None and bound.purpose != purpose:
        raise TicketError("other_purpose")
    now = timezone.now()
    deadline = timedelta(seconds=settings.LIVENESS_DEADLINE_SECONDS)
    waiting = Attempt.objects.filter(
        pk=bound.attempt, purpose=bound.purpose, session_digest=bound.session, state=State.PENDING
    )
    with transaction.atomic():
        if not waiting.filter(expires__gt=now).update(
            state=State.RUNNING, opened=now, expires=now + deadline + _GRACE, camera=camera[:100]
        ):
            raise TicketError(_why_not_started(bound.attempt))
        attempt = Attempt.objects.get(pk=bound.attempt)
        attempt_starting.send(Attempt, attempt=attempt)
    return attempt


def close_attempt(*, attempt: Attempt, decision: Decision, capture: Capture) -> Attempt:
    """Write the verdict, the frames' record, the model that judged and the evidence: RUNNING becomes what it ended as.

    Pictures are kept where the person agreed to that, and of attempts under a name of nobody. On PASS the sealed embedding waits LIVENESS_CLAIM_SECONDS for its claim; the evidence goes again as soon as the
    face has matched. Raises ValueError for an undecided decision, AttemptStateError when it is no longer running.
    """
    if decision.verdict is Verdict.MORE:
        raise ValueError("An attempt without a verdict cannot be closed.")
    changes: dict[str, Any] = {"reason": str(decision.reason or "")}
    if decision.verdict is Verdict.PASS:
        plain = capture.template().astype(np.float32).tobytes()
        changes["secret"] = crypto.seal(plain, _secret_context(attempt.pk))
    return _end(attempt, _CLOSED_AS[decision.verdict], changes, capture, keep_frames=True)


def abandon_attempt(*, attempt: Attempt, capture: Capture | None = None) -> Attempt:
    """The person or the network went away: close the row, keep no frames. Raises AttemptStateError."""
    return _end(attempt, State.ABANDONED, {}, capture, keep_frames=False)


def fail_attempt(*, attempt: Attempt, reason: str, capture: Capture | None = None) -> Attempt:
    """An exception or a breach of the protocol: state ERROR with the code as its reason. Raises AttemptStateError."""
    return _end(attempt, State.ERROR, {"reason": reason}, capture, keep_frames=True)


@tracing.span("claim")
def claim_attempt(*, attempt_id: UUID, session_key: str, purpose: str) -> tuple[Attempt, Embedding]:
    """Use a passed attempt, once: PASSED becomes CLAIMED, the embedding is returned and its sealed copy erased.

    The embedding is (128,) float32, unit length. Raises ClaimError; see its codes.
    """
    if not session_key:
        raise ClaimError("other_session")
    digest, now = tickets.session_digest(session_key), timezone.now()
    with transaction.atomic():
        usable = Attempt.objects.filter(
            pk=attempt_id,
            session_digest=digest,
            purpose=purpose,
            state=State.PASSED,
            expires__gt=now,
        )
        sealed = usable.values_list("secret", flat=True).first()
        if not usable.update(state=State.CLAIMED, claimed_at=now, secret=None):
            raise ClaimError(_why_not_claimed(attempt_id, digest, purpose))
        attempt = Attempt.objects.select_related("user").get(pk=attempt_id)
        if purpose == Attempt.Purpose.ENROL:
            _dismiss(attempt)
    return attempt, _unseal_embedding(attempt_id, sealed)


def record_match(*, attempt: Attempt, matched: bool) -> Attempt:
    """Write whether the claimed attempt's face was the right one, once. A mismatch makes it FAILED, reason no_match.

    Evidence of a match is deleted at once, unless it is drawn as a sample. Raises AttemptStateError.
    """
    verdict = {} if matched else {"state": State.FAILED, "reason": NO_MATCH}
    with transaction.atomic():
        _change(attempt, Q(state=State.CLAIMED, matched=None), matched=matched, **verdict)
        if matched:
            _dismiss(attempt)
        attempt_decided.send(Attempt, attempt=attempt)
    outcome = "matched" if matched else State.FAILED
    telemetry.ended(attempt.purpose, outcome, "" if matched else NO_MATCH)
    logger.info("attempt %s: %s", attempt.pk, "matched" if matched else NO_MATCH)
    return attempt


def erase_user(user: AbstractBaseUser) -> int:
    """Delete every attempt about an account or its name, with evidence and reviews; says how many attempts."""
    _, counts = Attempt.objects.filter(_about(user)).delete()
    return counts.get("liveness.Attempt", 0)


def erase_evidence(user: AbstractBaseUser) -> int:
    """Delete every kept picture of the attempts about an account or its name; says how many."""
    with transaction.atomic():
        frames, _ = Evidence.objects.filter(
            attempt__in=Attempt.objects.filter(_about(user))
        ).delete()
        Attempt.objects.filter(_about(user), sampled=True).update(sampled=False)
    return frames


def erase_embeddings(user: AbstractBaseUser) -> int:
    """Erase what passed attempts about an account keep for their claim, which can then no longer be made."""
    return Attempt.objects.filter(_about(user), secret__isnull=False).update(secret=None)


def erase_sampled(user_pk: int | str) -> int:
    """Delete the pictures of a person's sampled attempts, which are samples no longer; says how many frames."""
    sampled = Attempt.objects.filter(user_id=user_pk, sampled=True)
    with transaction.atomic():
        frames, _ = Evidence.objects.filter(attempt__in=sampled).delete()
        sampled.update(sampled=False)
    return frames


def purge(now: datetime | None = None) -> Purged:
    """Hold the retention promises: close what died, erase unclaimed embeddings, delete old evidence and attempts."""
    now = now or timezone.now()
    abandoned = close_dead(now)
    Attempt.objects.filter(state=State.PASSED, expires__lte=now).update(secret=None)
    frames, _ = Evidence.objects.filter(_due(now)).delete()
    frames += _erase_unpermitted()
    oldest = now - timedelta(days=settings.LIVENESS_ATTEMPT_DAYS)
    _, counts = Attempt.objects.filter(created__lt=oldest).delete()
    frames += counts.get("liveness.Evidence", 0)
    return Purged(frames, counts.get("liveness.Attempt", 0), abandoned)


def close_dead(now: datetime | None = None) -> int:
    """Close the attempts whose process or page died, as if somebody had hung up; says how many."""
    now = now or timezone.now()
    dead = Attempt.objects.filter(expires__lte=now)
    closed = dead.filter(state=State.PENDING).update(state=State.ABANDONED, closed=now)
    for attempt in dead.filter(state=State.RUNNING):
        with suppress(AttemptStateError), transaction.atomic():
            _change(attempt, Q(state=State.RUNNING), state=State.ABANDONED, closed=now)
            attempt_decided.send(Attempt, attempt=attempt)
            closed += 1
    return closed


def truncate_address(address: str) -> str:
    """The /24 or /48 network of an IP address, as text; empty for anything else."""
    try:
        version = ip_address(address.strip()).version
        return str(ip_network(f"{address.strip()}/{24 if version == 4 else 48}", strict=False))
    except ValueError:
        return ""


def _about(user: AbstractBaseUser) -> Q:
    """Attempts about an account, and about its name or address before it had them."""
    names = filter(None, (user.get_username(), getattr(user, "email", "")))
    return reduce(or_, (Q(claimed__iexact=name) for name in names), Q(user_id=user.pk))


def _limit_rate(client: str, now: datetime) -> None:
    recent = Attempt.objects.filter(client=client, created__gt=now - timedelta(minutes=1))
    if recent.count() >= settings.LIVENESS_ATTEMPTS_PER_MINUTE:
        raise TooManyAttempts("Too many attempts from this network; wait a minute.")


def _why_not_started(attempt_id: UUID) -> str:
    state = Attempt.objects.filter(pk=attempt_id).values_list("state", flat=True).first()
    if state is None:
        return "wrong_ticket"
    return "expired_ticket" if state == State.PENDING else "used_ticket"


def _why_not_claimed(attempt_id: UUID, digest: str, purpose: str) -> str:
    """The first thing that is wrong; a stranger's session learns nothing more than that it is a stranger's."""
    attempt = Attempt.objects.filter(pk=attempt_id).first()
    if attempt is None:
        return "unknown_attempt"
    if attempt.session_digest != digest:
        return "other_session"
    if attempt.purpose != purpose:
        return "other_purpose"
    if attempt.claimed_at is not None:
        return "used"
    return "expired" if attempt.state == State.PASSED else "not_passed"


def _end(
    attempt: Attempt,
    state: str,
    changes: dict[str, Any],
    capture: Capture | None,
    *,
    keep_frames: bool,
) -> Attempt:
    """One transaction: the end of an open attempt and the frames that go with it."""
    now = timezone.now()
    patience = timedelta(seconds=settings.LIVENESS_CLAIM_SECONDS if state == State.PASSED else 0)
    rows = evidence.sealed_frames(attempt, capture) if capture and keep_frames else []
    changes = {**changes, **(evidence.attempt_record(capture) if capture else {})}
    before = Q(state=State.RUNNING)
    if state in (State.ABANDONED, State.ERROR):
        before |= Q(state=State.PENDING)
    with transaction.atomic():
        _change(attempt, before, state=state, closed=now, expires=now + patience, **changes)
        if rows and sampling.may_keep(attempt.user):
            Evidence.objects.bulk_create(rows)
        attempt_decided.send(Attempt, attempt=attempt)
        if state in (State.FAILED, State.ERROR):
            _trail_refusal(attempt)
    telemetry.ended(attempt.purpose, state, attempt.reason)
    logger.info("attempt %s (%s): %s %s", attempt.pk, attempt.purpose, state, attempt.reason)
    return attempt


def _trail_refusal(attempt: Attempt) -> None:
    chain.append(
        "liveness_refused",
        subject=attempt.user_id,
        attempt=str(attempt.pk),
        purpose=str(attempt.purpose),
        reason=attempt.reason,
    )


def _change(attempt: Attempt, expected: Q, **values: Any) -> None:
    """Compare and set. Raises AttemptStateError when the row is not as expected."""
    if not Attempt.objects.filter(expected, pk=attempt.pk).update(**values):
        raise AttemptStateError(f"Attempt {attempt.pk} is no longer open to this change.")
    attempt.refresh_from_db()


def _dismiss(attempt: Attempt) -> None:
    """The pictures of a bona fide attempt go at once, unless it is drawn as a sample for the reviewers."""
    if sampling.drawn(attempt.user):
        Attempt.objects.filter(pk=attempt.pk).update(sampled=True)
        attempt.sampled = True
    else:
        attempt.evidence.all().delete()


def _erase_unpermitted() -> int:
    """Whoever withdraws has pictures erased at once; this is for a permission that ended in any other way."""
    kept = Attempt.objects.filter(evidence__isnull=False)
    with transaction.atomic():
        people = get_user_model().objects.filter(pk__in=kept.values("user"))
        frames = sum(erase_evidence(user) for user in people if not sampling.may_keep(user))
        people = people.filter(pk__in=kept.filter(sampled=True).values("user"))
        frames += sum(erase_sampled(user.pk) for user in people if not sampling.permitted(user))
    return frames


def _secret_context(attempt_id: UUID) -> str:
    """Names the embedder too: a process that has another one cannot open what it could not compare."""
    return f"attempt-embedding:{attempt_id}:{embedder.present().sha256}"


def _unseal_embedding(attempt_id: UUID, sealed: bytes | memoryview | None) -> Embedding:
    """What cannot be opened counts as used up: fail closed."""
    try:
        plain = crypto.unseal(sealed or b"", _secret_context(attempt_id))
    except crypto.SealError as error:
        raise ClaimError("unreadable") from error
    return np.frombuffer(plain, np.float32).copy()


def _due(now: datetime) -> Q:
    """Evidence whose time is over: too old, beyond the newest LIVENESS_EVIDENCE_MAX, or of a pass nobody refused."""
    unanswered = now - timedelta(seconds=settings.LIVENESS_CLAIM_SECONDS)
    kept = Attempt.objects.filter(evidence__isnull=False).distinct().order_by("-created")
    surplus = kept.values_list("created", flat=True)[settings.LIVENESS_EVIDENCE_MAX :].first()
    oldest = now - timedelta(days=settings.LIVENESS_EVIDENCE_DAYS)
    return (
        Q(attempt__created__lte=max(oldest, surplus) if surplus else oldest)
        | Q(attempt__state=State.PASSED, attempt__expires__lte=now)
        | Q(
            attempt__state=State.CLAIMED,
            attempt__claimed_at__lte=unanswered,
            attempt__sampled=False,
        )
    )
