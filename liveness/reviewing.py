"""What reviewers say an attempt was: labels, the agreement between reviewers, and taking a label back.

The audit trail is append-only: taking back adds a row, too. What counts are a reviewer's rows that were not taken
back, the latest of each. Everything is decided anew from them under a lock of the attempt, so that two reviewers at
the same time cannot miss each other.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext

from liveness import words
from liveness.engine.quality import Quality
from liveness.models import Attempt, Review
from liveness.signals import attempt_reviewed
from trail import chain

Label = Attempt.Label

LABELS = [value for value in Label.values if value]
FLOOR = frozenset({Quality.NO_FACE, Quality.TOO_FAR, Quality.TOO_DARK, Quality.BLURRED})
"""Below this nobody can say what a picture shows, and no network should learn from it."""


class BelowFloor(ValueError):
    """Nothing that is kept of this attempt is good enough for any label but "unusable"."""


class NothingToUndo(LookupError):
    """This reviewer has no label left to take back."""


def may_review(user: Any) -> bool:
    """Staff with the permission to review attempts."""
    return user.is_active and user.is_staff and user.has_perm("liveness.review_attempt")


def review_attempt(*, attempt: Attempt, reviewer: AbstractBaseUser | None, label: str) -> Review:
    """Label an ended attempt and add who, when and what to its audit trail.

    ``attempt.label`` and ``attempt.disputed`` are what all its reviewers make of it afterwards. Raises ValueError for
    an unknown label or an attempt that has not ended, BelowFloor.
    """
    if label not in LABELS:
        raise ValueError(f"Unknown label {label!r}.")
    with transaction.atomic():
        row = Attempt.objects.select_for_update().get(pk=attempt.pk)
        _refuse_what_cannot_be(row, label)
        review = Review.objects.create(
            attempt=row,
            reviewer_id=reviewer.pk if reviewer else None,
            label=label,
            previous=row.label,
        )
        _settle(row, standing(row.reviews.all()))
        attempt_reviewed.send(Attempt, attempt=row)
        _trail("attempt_reviewed", row, reviewer, label)
    attempt.label, attempt.disputed = row.label, row.disputed
    return review


def undo_review(*, reviewer: AbstractBaseUser) -> Attempt:
    """Take back the reviewer's last label that stands, whatever attempt it was on; the attempt it was on.

    Again and again it goes further back. Raises NothingToUndo.
    """
    with transaction.atomic():
        last = last_of(reviewer)
        row = Attempt.objects.select_for_update().filter(pk=last.attempt_id).first()
        if row is None or not standing(Review.objects.filter(pk=last.pk)).exists():
            raise NothingToUndo(gettext("This label was taken back a moment ago."))
        previous = row.label
        _settle(row, standing(row.reviews.exclude(pk=last.pk)))
        Review.objects.create(
            attempt=row, reviewer_id=reviewer.pk, label=row.label, previous=previous, undoes=last
        )
        attempt_reviewed.send(Attempt, attempt=row)
        _trail("review_undone", row, reviewer, row.label)
    return row


def last_of(reviewer: AbstractBaseUser) -> Review:
    """The label that ``undo_review`` would take back. Raises NothingToUndo."""
    last = standing(Review.objects.filter(reviewer_id=reviewer.pk)).first()
    if last is None:
        raise NothingToUndo(gettext("You have no label to take back."))
    return last


def standing(reviews: QuerySet[Review]) -> QuerySet[Review]:
    """Those that were not taken back, the latest first."""
    return reviews.filter(undoes=None, undone_by=None).order_by("-created", "-pk")


def opinion(attempt: Attempt, reviewer: AbstractBaseUser) -> str:
    """What this reviewer says of it, "" for nothing (any more)."""
    mine = standing(attempt.reviews.filter(reviewer_id=reviewer.pk)).first()
    return mine.label if mine else Label.NONE


def with_opinion(rows: QuerySet[Attempt], reviewer: AbstractBaseUser) -> QuerySet[Attempt]:
    """Each attempt with what this reviewer says of it as ``given``."""
    mine = standing(Review.objects.filter(attempt=OuterRef("pk"), reviewer_id=reviewer.pk))
    return rows.annotate(given=Coalesce(Subquery(mine.values("label")[:1]), Value(Label.NONE)))


def others_are_shown(attempt: Attempt, opinion: str) -> bool:
    """Where two reviewers are needed, nobody sees the other's label before giving one."""
    return settings.LIVEGATE_REVIEWERS_NEEDED < 2 or bool(opinion) or bool(attempt.label)


def visible(attempt: Attempt, reviewer: AbstractBaseUser) -> QuerySet[Review]:
    """The audit trail as this reviewer may see it, the latest first."""
    rows = attempt.reviews.select_related("reviewer", "undoes")
    if others_are_shown(attempt, opinion(attempt, reviewer)):
        return rows
    return rows.filter(reviewer_id=reviewer.pk)


def agreement(opinions: Iterable[tuple[int | None, str]], needed: int) -> tuple[str, bool]:
    """What the reviewers agree on, "" for nothing yet, and whether they disagree.

    opinions: (reviewer, label), the oldest first; a later one of the same reviewer replaces the earlier. With needed
    = 1 the latest label holds; with more, the one that so many hold and that more hold than any other. Deleted
    accounts count as one reviewer, None.
    """
    every = list(opinions)
    if needed < 2:
        return (every[-1][1] if every else Label.NONE), False
    votes = Counter(dict(every).values()).most_common()
    if not votes:
        return Label.NONE, False
    label, most = votes[0]
    if len(votes) > 1 and (most < needed or most == votes[1][1]):
        return Label.NONE, True
    return (label if most >= needed else Label.NONE), False


def why_unusable(attempt: Attempt) -> str:
    """Why no other label than "unusable" can be given, in words; "" if every label can."""
    kept = attempt.evidence.values_list("at", "p_live")
    if not kept:
        return gettext("No picture of this attempt is kept.")
    reasons = {round(frame["at"], 3): frame["reasons"] for frame in attempt.frames}
    found = [reasons.get(at, [Quality.NO_FACE]) if p is None else [] for at, p in kept]
    if not all(FLOOR & set(codes) for codes in found):
        return ""
    codes = dict.fromkeys(code for codes in found for code in codes)
    named = ", ".join(words.inside(words.reason(code)) for code in codes)
    return gettext("Every kept picture is below the quality floor: %(why)s.") % {"why": named}


def _refuse_what_cannot_be(row: Attempt, label: str) -> None:
    if row.closed is None:
        raise ValueError(gettext("Only an attempt that has ended can be labelled."))
    if label != Label.UNUSABLE and (reason := why_unusable(row)):
        raise BelowFloor(f"{reason} {gettext('It can only be labelled as unusable.')}")


def _trail(event: str, row: Attempt, reviewer: AbstractBaseUser | None, label: str) -> None:
    chain.append(
        event,
        subject=row.user_id,
        actor=reviewer.pk if reviewer else None,
        attempt=str(row.pk),
        label=label,
    )


def _settle(row: Attempt, reviews: QuerySet[Review]) -> None:
    opinions = reviews.reverse().values_list("reviewer_id", "label")
    row.label, row.disputed = agreement(opinions, settings.LIVEGATE_REVIEWERS_NEEDED)
    row.save(update_fields=["label", "disputed"])
