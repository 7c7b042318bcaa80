"""Everything that changes what is known about a person."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from accounts import audit, budgets, consent, matching, renewal
from accounts.happenings import consent_withdrawn, face_erased, person_erased
from accounts.models import Consent, FaceTemplate, SignIn, User
from liveness import embedder
from liveness import services as liveness
from liveness.models import Attempt

UNUSED = timedelta(days=3 * 365)
"""BIPA's limit: a face is destroyed at most three years after its last use."""


class ConsentMissing(Exception):
    """Nothing about a face is stored without a consent in force."""


class FaceInUse(Exception):
    """One face, one account: this face looks like that of another account. Nobody is told whose."""


class NotYours(Exception):
    """The attempt was made for another account."""


def consent_of(user: User) -> Consent | None:
    """The consent in force, if any."""
    return Consent.objects.filter(user=user, withdrawn__isnull=True).first()


def may_train(user: User) -> bool:
    """May refused attempts of this person enter a training set? Only by a consent that says so."""
    return Consent.objects.filter(user=user, withdrawn__isnull=True, training=True).exists()


def may_sample(user: User) -> bool:
    """May pictures of this person's successful attempts be kept as samples? Only by today's text, which says so.

    Call it inside a transaction: the consent is locked until its end, so that a withdrawal waits and then erases.
    """
    return (
        Consent.objects.select_for_update()
        .filter(user=user, withdrawn__isnull=True, training=True, version=consent.VERSION)
        .first()
        is not None
    )


@transaction.atomic
def give_consent(*, user: User, training: bool = False) -> Consent:
    """Record that this person agreed to today's text. An older consent is ended, the face stays."""
    Consent.objects.filter(user=user, withdrawn__isnull=True).update(withdrawn=timezone.now())
    given = Consent.objects.create(
        user=user, version=consent.VERSION, digest=consent.digest(), training=training
    )
    if not training:
        liveness.erase_sampled(user.pk)
        _erase_copies(user)
    audit.accepted("consent_given", user=user.pk, version=given.version, training=training)
    return given


@transaction.atomic
def set_training(*, user: User, training: bool) -> None:
    """Change the separate permission to train. Raises ConsentMissing without a consent in force."""
    if consent_of(user) is None:
        raise ConsentMissing
    give_consent(user=user, training=training)


@transaction.atomic
def withdraw_consent(*, user: User) -> None:
    """End the consent and erase all that it allowed: the face, the attempts and their pictures."""
    Consent.objects.filter(user=user, withdrawn__isnull=True).update(withdrawn=timezone.now())
    _erase_face(user)
    consent_withdrawn.send(User, user=user)
    audit.accepted("consent_withdrawn", user=user.pk)


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
    template = _store_face(user, attempt, *matching.sealed_template(embedding, user.pk))
    audit.accepted("face_enrolled", user=user.pk, attempt=str(attempt.pk))
    return template


@transaction.atomic
def delete_face(*, user: User) -> None:
    """Erase the face, the attempts and their pictures. The consent stays in force."""
    _erase_face(user)
    audit.accepted("face_deleted", user=user.pk)


@transaction.atomic
def delete_account(*, user: User) -> None:
    """Erase the person and everything that belongs to them."""
    number, name = user.pk, user.get_username()
    _erase_face(user)
    budgets.erase(user)
    user.delete()
    person_erased.send(User, user_id=number, username=name)
    audit.accepted("account_deleted", user=number)


@transaction.atomic
def record_sign_in(*, user: User, way: str, client: str) -> None:
    """Keep the sign-in for its owner, drop what is too old, and renew the use of the face."""
    SignIn.objects.create(user=user, way=way, client=client)
    oldest = timezone.now() - timedelta(days=settings.LIVENESS_ATTEMPT_DAYS)
    SignIn.objects.filter(user=user, at__lt=oldest).delete()
    if way == SignIn.Way.FACE:
        FaceTemplate.objects.filter(user=user).update(last_used=timezone.now())
    delete_unused_faces()
    budgets.forget_old()
    renewal.forget_unconfirmed()


def delete_unused_faces(now: datetime | None = None) -> int:
    """Delete faces that nobody has used for three years; returns how many."""
    unused = FaceTemplate.objects.filter(last_used__lt=(now or timezone.now()) - UNUSED)
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
        },
    )
    return template


def _judged_frames(frames: list[dict[str, Any]]) -> int:
    return sum(frame.get("p") is not None for frame in frames)


def _erase_face(user: User) -> None:
    FaceTemplate.objects.filter(user=user).delete()
    liveness.erase_user(user)
    face_erased.send(User, user=user)
    _erase_copies(user)


def _erase_copies(user: User) -> None:
    """After the commit, have the copies erased that a training export made of this person's attempts."""
    if dotted := settings.LIVEGATE_ERASE_COPIES:
        transaction.on_commit(partial(import_string(dotted), user.pk))
