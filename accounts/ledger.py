"""The consent ledger: who agreed to which text for which purpose, when, and when they took it back.

A row is written once, and its end once. Here is no more than the record; ``services`` does what follows from it.
"""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from accounts import consent
from accounts.consent import Purpose
from accounts.models import Consent, ConsentText, User


def in_force(user: User) -> dict[Purpose, Consent]:
    """The consents of a person that were not taken back, by purpose."""
    rows = Consent.objects.filter(user=user, withdrawn__isnull=True)
    return {Purpose(row.purpose): row for row in rows}


def find(user: User, purpose: Purpose) -> Consent | None:
    """The consent in force for one purpose, if any."""
    return in_force(user).get(purpose)


def held(user: User | None, *purposes: Purpose) -> dict[Purpose, Consent]:
    """The consents in force for these purposes, locked to the end of the transaction: a withdrawal waits for it."""
    rows = Consent.objects.select_for_update().filter(
        user=user, withdrawn__isnull=True, purpose__in=purposes
    )
    return {Purpose(row.purpose): row for row in rows.order_by("pk")}


@transaction.atomic
def give(user: User, purpose: Purpose) -> tuple[Consent, bool]:
    """Record that this person agreed to today's text; the row, and whether it is new.

    The same text twice, in whichever language, is one consent. A consent to an older text ends here.
    """
    shown = consent.text(purpose)
    before = held(user, purpose).get(purpose)
    if before and consent.is_of_today(purpose, before.digest):
        return before, False
    end(user, [purpose])
    _keep(shown)
    row = Consent.objects.create(
        user=user,
        purpose=purpose,
        version=shown.version,
        digest=shown.digest,
        training=purpose == Purpose.TRAINING,
    )
    return row, True


def end(user: User, purposes: Iterable[Purpose]) -> list[Purpose]:
    """Write the end of the consents in force for these purposes; which there were."""
    ended = []
    for purpose in purposes:
        rows = Consent.objects.filter(user=user, purpose=purpose, withdrawn__isnull=True)
        ended += [purpose] * bool(rows.update(withdrawn=timezone.now()))
    return ended


def words_of(digest: str) -> str | None:
    """The text behind a digest; None for one that was shown before texts were kept."""
    return ConsentText.objects.filter(digest=digest).values_list("text", flat=True).first()


def _keep(shown: consent.Text) -> None:
    ConsentText.objects.get_or_create(
        digest=shown.digest,
        defaults={"purpose": shown.purpose, "version": shown.version, "text": shown.full},
    )
