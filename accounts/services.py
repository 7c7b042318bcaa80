"""Everything that changes what is known about a person."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import (
    audit,
    budgets,
    consent,
    erasure,
    ledger,
    matching,
    renewal,
    sessions,
    tombstones,
)
from accounts.consent import Purpose
from accounts.happenings import consent_withdrawn, person_erased
from accounts.models import Consent, FaceTemplate, SignIn, User
from liveness import embedder
from liveness import services as liveness
from liveness.models import Attempt


class ConsentMissing(Exception):
    """Nothing about a face is stored without a consent in force."""


class FaceInUse(Exception):
    """One face, one account: this face looks like that of another account. Nobody is told whose."""


class NotYours(Exception):
    """The attempt was made for another account."""


def speak(*, user: User, language: str) -> None:
    """Remember the language in which this person reads, so that mails come in it."""
    if user.language != language:
        user.language = language
        user.save(update_fields=["language"])


def consent_of(user: User, purpose: Purpose = Purpose.SIGNIN) -> Consent | None:
    """The consent in force for one purpose, if any."""
    return ledger.find(user, purpose)


def may_train(user: User) -> bool:
    """May refused attempts of this person enter a training set? Only by a consent that says so."""
    return ledger.find(user, Purpose.TRAINING) is not None


def may_keep(user: User | None) -> bool:
    """May pictures of attempts about this person be kept? Call it inside a transaction: a withdrawal waits for its end.

    A name of nobody has nobody to ask, and costs the same; the camera page says that pictures may be kept.
    """
    return Purpose.EVIDENCE in ledger.held(user, Purpose.EVIDENCE) or user is None


def may_sample(user: User) -> bool:
    """May pictures of this person's successful attempts be kept as samples? Only by a text that says so.

    Call it inside a transaction: the consents are locked until its end, so that a withdrawal waits and then erases.
    """
    given = ledger.held(user, Purpose.EVIDENCE, Purpose.TRAINING)
    training = given.get(Purpose.TRAINING)
    says_so = training is not None and training.version in consent.SAYS_SAMPLES
    return says_so and Purpose.EVIDENCE in given


@transaction.atomic
def give_consent(
    *, user: User, evidence: bool = True, training: bool = False, by: User | None = None
) -> Consent:
    """Record the answers of the consent page. What was agreed to before and is not ticked now is taken back.

    by: who records it for them, if somebody else. Returns the consent to sign in.
    """
    row = agree(user=user, purpose=Purpose.SIGNIN, by=by)
    for purpose, yes in ((Purpose.EVIDENCE, evidence), (Purpose.TRAINING, training)):
        (agree if yes else take_back)(user=user, purpose=purpose, by=by)
    return row


@transaction.atomic
def agree(*, user: User, purpose: Purpose | str, by: User | None = None) -> Consent:
    """Record that this person agreed to today's text for one purpose. What is stored already stays."""
    row, new = ledger.give(user, Purpose(purpose))
    if new:
        facts = {"purpose": row.purpose, "version": row.version}
        audit.accepted("consent_given", user=user.pk, by=_other(user, by), **facts)
    return row


@transaction.atomic
def take_back(
    *, user: User, purpose: Purpose | str, by: User | None = None, keep: str = ""
) -> bool:
    """End the consent for one purpose and erase at once what it alone allowed; whether there was one.

    Signing in: the face, and every session but the one with the key ``keep``. Evidence: every kept picture, also the copies for training. Training: the copies and the
    samples of successful attempts; runs that learn from them end.
    """
    purpose = Purpose(purpose)
    ended = bool(ledger.end(user, [purpose]))
    if purpose == Purpose.SIGNIN:
        FaceTemplate.objects.filter(user=user).delete()
        liveness.erase_embeddings(user)
        sessions.end_all(user, keep=keep)
    elif purpose == Purpose.EVIDENCE:
        liveness.erase_evidence(user)
    else:
        liveness.erase_sampled(user.pk)
    if purpose != Purpose.SIGNIN:
        erasure.copies(user)
    if ended:
        consent_withdrawn.send(User, user=user, purposes=[purpose.value])
        audit.accepted(
            "consent_withdrawn", user=user.pk, by=_other(user, by), purpose=purpose.value
        )
    return ended


@transaction.atomic
def withdraw_consent(*, user: User, by: User | None = None, keep: str = "") -> None:
    """End every consent and erase all that they allowed: the face, the attempts and their pictures.

    keep: the key of the one session of this person that goes on.
    """
    ended = ledger.end(user, Purpose)
    erasure.face(user)
    sessions.end_all(user, keep=keep)
    purposes = [purpose.value for purpose in ended]
    consent_withdrawn.send(User, user=user, purposes=purposes)
    audit.accepted(
        "consent_withdrawn", user=user.pk, by=_other(user, by), purpose=tombstones.EVERY_PURPOSE
    )


def enrol(*, user: User, attempt_id: UUID, session_key: str) -> FaceTemplate:
    """Make the face of a passed attempt this person's face; an older one is replaced.

    The claim is not rolled back when what follows fails: an attempt is used once. Raises
    ConsentMissing, NotYours, FaceInUse where LIVEGATE_ONE_FACE_ONE_ACCOUNT asks for it, or
    liveness.services.ClaimError if the attempt cannot be claimed.
    """
    if consent_of(user) is None:
        raise ConsentMissing
    attempt, embedding = liveness.claim_attempt(
        attempt_id=attempt_id, session_key=session_key, purpose=Attempt.Purpose.ENROL
    )
    if attempt.user_id != user.pk:
        raise NotYours
    if settings.LIVEGATE_ONE_FACE_ONE_ACCOUNT and matching.known_elsewhere(user, embedding):
        raise FaceInUse
    with transaction.atomic():
        if not ledger.held(user, Purpose.SIGNIN):  # withdrawn while the camera was on
            raise ConsentMissing
        template = _store_face(user, attempt, *matching.sealed_template(embedding, user.pk))
        audit.accepted("face_enrolled", user=user.pk, attempt=str(attempt.pk))
    return template


@transaction.atomic
def delete_face(*, user: User, by: User | None = None, keep: str = "") -> None:
    """Erase the face, the attempts and their pictures. The consents stay in force, and the session with the key ``keep``."""
    erasure.face(user)
    sessions.end_all(user, keep=keep)
    audit.accepted("face_deleted", user=user.pk, by=_other(user, by))


@transaction.atomic
def delete_account(*, user: User, by: User | None = None) -> list[str]:
    """Erase the person and everything that belongs to them; the names of the models that learned from their pictures.

    Models cannot forget. Which ones learned stands in the audit trail beside the erasure.
    """
    number, name, other = user.pk, user.get_username(), _other(user, by)
    learned = [f"{model['name']} ({model['sha256'][:8]})" for model in erasure.learned_from(user)]
    erasure.account(user)
    person_erased.send(User, user_id=number, username=name)
    audit.accepted("account_deleted", user=number, by=other, models=learned)
    return learned


@transaction.atomic
def record_sign_in(*, user: User, way: str, client: str) -> None:
    """Keep the sign-in for its owner, drop what is too old, and renew the use of the face."""
    SignIn.objects.create(user=user, way=way, client=client)
    oldest = timezone.now() - timedelta(days=settings.LIVENESS_ATTEMPT_DAYS)
    SignIn.objects.filter(user=user, at__lt=oldest).delete()
    if way == SignIn.Way.FACE:
        FaceTemplate.objects.filter(user=user).update(last_used=timezone.now(), warned=None)
    budgets.forget_old()
    renewal.forget_unconfirmed()


def delete_unused_faces(now: datetime | None = None) -> int:
    """Delete faces that nobody has used for LIVEGATE_TEMPLATE_DAYS; returns how many."""
    oldest = (now or timezone.now()) - timedelta(days=settings.LIVEGATE_TEMPLATE_DAYS)
    unused = FaceTemplate.objects.filter(last_used__lt=oldest)
    deleted, _ = unused.delete()
    if deleted:
        audit.accepted("unused_faces_deleted", count=deleted)
    return deleted


def _store_face(user: User, attempt: Attempt, sealed: bytes, sealed_seed: bytes) -> FaceTemplate:
    now, measured_by = timezone.now(), embedder.present()
    template, _ = FaceTemplate.objects.update_or_create(
        user=user,
        defaults={
            "sealed": sealed,
            "sealed_seed": sealed_seed,
            "model_name": measured_by.name,
            "model_sha256": measured_by.sha256,
            "pending": None,
            "pending_since": None,
            "attempt": attempt.pk,
            "frames": _judged_frames(attempt.frames),
            "created": now,
            "last_used": now,
            "warned": None,
        },
    )
    return template


def _other(user: User, by: User | None) -> int | None:
    """Who did it, where that is not the person."""
    return by.pk if by is not None and by.pk != user.pk else None


def _judged_frames(frames: list[dict[str, Any]]) -> int:
    return sum(frame.get("p") is not None for frame in frames)
