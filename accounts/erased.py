"""After a restore: whoever was erased since the backup is erased again."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from accounts import services
from accounts.consent import Purpose
from accounts.models import Consent, FaceTemplate, User
from accounts.tombstones import ACCOUNT, CONSENT, TRAINING, Tombstone
from liveness.models import Attempt
from trail import chain


def erase_again(stones: Iterable[Tombstone]) -> int:
    """Do what the tombstones say to what is older than they are; says how many of them found something.

    What somebody set up again after an erasure is newer than it, and stays.
    """
    accounts = {name: user.pk for user in User.objects.all() for name in chain.pseudonyms(user.pk)}
    return sum(
        _erase(stone.event, accounts[stone.subject], stone.moment)
        for stone in stones
        if stone.subject in accounts
    )


@transaction.atomic
def _erase(event: str, account: int, moment: datetime) -> bool:
    user = User.objects.filter(pk=account, date_joined__lte=moment).first()
    if user is None:
        return False
    if event == ACCOUNT:
        services.delete_account(user=user)
        return True
    if event == TRAINING:
        return _end(user, Purpose.TRAINING, moment)
    if event.startswith(f"{CONSENT}:"):
        return _end(user, Purpose(event.removeprefix(f"{CONSENT}:")), moment)
    return _erase_face(user, moment, withdrawn=event == CONSENT)


def _end(user: User, purpose: Purpose, moment: datetime) -> bool:
    given = Consent.objects.filter(user=user, purpose=purpose, withdrawn=None, given__lte=moment)
    return given.exists() and services.take_back(user=user, purpose=purpose)


def _erase_face(user: User, moment: datetime, *, withdrawn: bool) -> bool:
    old = FaceTemplate.objects.filter(user=user, created__lte=moment).exists()
    given = Consent.objects.filter(user=user, withdrawn=None, given__lte=moment).exists()
    if withdrawn and given:
        services.withdraw_consent(user=user)
        return True
    attempts = Attempt.objects.filter(user_id=user.pk, created__lte=moment).exists()
    if old or (attempts and not user.has_face):
        services.delete_face(user=user)
        return True
    return False
