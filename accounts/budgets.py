"""How often a face may be wrong: budgets of an account, a browser and a network (NIST SP 800-63B-4).

An attempt is charged when it starts and the charge is taken back when nothing was decided, so that any number
of sockets opened at once share what is left. Names that belong to nobody are counted the same way, and the password is
never affected, so nobody can be locked out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import Budget, Charge, User

_STALE = timedelta(days=1)


class Exhausted(Exception):
    """Face sign-in has to wait. seconds: how long; None: until the person signs in another way."""

    def __init__(self, seconds: int | None) -> None:
        super().__init__("Face sign-in is slowed down or paused. Wait, or use the password.")
        self.seconds = seconds


@dataclass(frozen=True)
class Subjects:
    """Who is charged: digests, empty where unknown."""

    account: str
    device: str
    network: str

    def rows(self) -> list[Budget]:
        """A new row for each that is known, in the order in which all processes lock them."""
        known = [
            Budget(kind=kind, key=key)
            for kind, key in zip(
                Budget.Kind, (self.account, self.device, self.network), strict=True
            )
            if key
        ]
        return sorted(known, key=lambda row: row.key)


def subjects(*, user: User | None, name: str, device: str, network: str) -> Subjects:
    """Whoever may be meant by a name, whether somebody has it or not.

    user: who has the name, if anybody; device: what ``devices`` says; network: the truncated address.
    """
    account = f"user:{user.pk}" if user else f"name:{name}"
    return Subjects(
        _digest("account", account), _digest("device", device), _digest("network", network)
    )


def check(who: Subjects, now: datetime | None = None) -> None:
    """Raises Exhausted while an attempt would be refused. Charges nothing."""
    keys = [row.key for row in who.rows()]
    _admit(Budget.objects.filter(key__in=keys), now or timezone.now())


def announce(attempt: UUID, who: Subjects) -> None:
    """A capture page was opened; its attempt is charged as soon as it starts."""
    Charge.objects.create(
        attempt=attempt, account=who.account, device=who.device, network=who.network
    )


@transaction.atomic
def charge(attempt: UUID, who: Subjects, now: datetime | None = None) -> None:
    """Take one attempt from every budget, or none of them. ``who`` counts where nothing was announced.

    Raises Exhausted.
    """
    now = now or timezone.now()
    noted, _ = Charge.objects.get_or_create(
        attempt=attempt,
        defaults={"account": who.account, "device": who.device, "network": who.network},
    )
    rows = _locked(Subjects(noted.account, noted.device, noted.network))
    _admit(rows, now)
    for row in rows:
        _forget(row, now)
        row.failures += 1
        row.until = _end_of_wait(row, now)
    _save(rows)
    Charge.objects.filter(pk=noted.pk).update(state=Charge.State.HELD)


def keep(attempt: UUID, now: datetime | None = None) -> int:
    """The attempt failed: the waits begin now. Returns the failures in a row of the account, 0 if it was not charged."""
    now = now or timezone.now()
    with transaction.atomic():
        rows = _settled(attempt)
        for row in rows:
            row.last = now
            row.until = _end_of_wait(row, now)
        _save(rows)
    return sum(row.failures for row in rows if row.kind == Budget.Kind.ACCOUNT)


@transaction.atomic
def give_back(attempt: UUID) -> None:
    """Nothing was decided: every budget is as if the attempt had not been."""
    rows = _settled(attempt)
    for row in rows:
        _lower(row)
    _save(rows)


@transaction.atomic
def succeed(attempt: UUID) -> None:
    """The right face: failures in a row of the account end, browser and network get this attempt back.

    No more than that: otherwise somebody with an account of their own could always clear their browser.
    """
    rows = _settled(attempt)
    for row in rows:
        if row.kind == Budget.Kind.ACCOUNT:
            row.failures, row.last, row.until = 0, None, None
        else:
            _lower(row)
    _save(rows)


def pardon(user: User) -> None:
    """The person proved themselves in another way: their failures in a row end."""
    Budget.objects.filter(key=_account_key(user)).update(failures=0, last=None, until=None)


def erase(user: User) -> None:
    """Forget what was counted under an account."""
    Budget.objects.filter(key=_account_key(user)).delete()
    Charge.objects.filter(account=_account_key(user)).delete()


def forget_old(now: datetime | None = None) -> None:
    """Drop charges that are over, and browsers and networks that have been quiet."""
    now = now or timezone.now()
    Charge.objects.filter(created__lt=now - _STALE).delete()
    quiet = now - max(_STALE, _forgotten_after())
    Budget.objects.exclude(kind=Budget.Kind.ACCOUNT).filter(changed__lt=quiet).delete()
    Budget.objects.filter(kind=Budget.Kind.ACCOUNT, failures=0, changed__lt=quiet).delete()


def _account_key(user: User) -> str:
    return _digest("account", f"user:{user.pk}")


def _digest(kind: str, text: str) -> str:
    """Keyed, so that the rows do not tell who was tried from where."""
    if not text or text == "name:":
        return ""
    return salted_hmac(f"accounts.budgets.{kind}", text, algorithm="sha256").hexdigest()


def _locked(who: Subjects) -> list[Budget]:
    rows = who.rows()
    Budget.objects.bulk_create(rows, ignore_conflicts=True)
    keys = [row.key for row in rows]
    return list(Budget.objects.select_for_update().filter(key__in=keys).order_by("key"))


def _settled(attempt: UUID) -> list[Budget]:
    """The locked budgets of a charge that is settled by this, once; none if there is nothing to settle."""
    held = Charge.objects.filter(attempt=attempt, state=Charge.State.HELD)
    if not held.update(state=Charge.State.SETTLED):
        return []
    noted = Charge.objects.get(attempt=attempt)
    return _locked(Subjects(noted.account, noted.device, noted.network))


def _admit(rows: Iterable[Budget], now: datetime) -> None:
    waits = [0.0]
    for row in rows:
        if row.kind == Budget.Kind.ACCOUNT and row.failures >= settings.LIVEGATE_FAILURES_PAUSE:
            raise Exhausted(None)
        if row.until is not None:
            waits.append((row.until - now).total_seconds())
    if max(waits) > 0:
        raise Exhausted(int(max(waits)) + 1)


def _lower(row: Budget) -> None:
    row.failures = max(row.failures - 1, 0)
    row.until = _end_of_wait(row, row.last) if row.last else None


def _forget(row: Budget, now: datetime) -> None:
    """Failures of an account in a row never fade; those of a browser or a network do."""
    quiet = row.changed < now - _forgotten_after()
    if quiet and row.kind != Budget.Kind.ACCOUNT:
        row.failures, row.last, row.until = 0, None, None


def _forgotten_after() -> timedelta:
    return timedelta(seconds=settings.LIVEGATE_FAILURES_FORGOTTEN_SECONDS)


def _end_of_wait(row: Budget, start: datetime) -> datetime | None:
    """The first wait, doubled with every failure beyond the free ones."""
    beyond = row.failures - _free(row)
    if beyond < 0:
        return None
    longest = settings.LIVEGATE_FAILURE_WAIT_MAX
    seconds = min(settings.LIVEGATE_FAILURE_WAIT * 2.0 ** min(beyond, 30), longest)
    return start + timedelta(seconds=seconds)


def _free(row: Budget) -> int:
    return int(
        {
            Budget.Kind.ACCOUNT: settings.LIVEGATE_FAILURES_ACCOUNT,
            Budget.Kind.DEVICE: settings.LIVEGATE_FAILURES_DEVICE,
            Budget.Kind.NETWORK: settings.LIVEGATE_FAILURES_NETWORK,
        }[Budget.Kind(row.kind)]
    )


def _save(rows: list[Budget]) -> None:
    now = timezone.now()
    for row in rows:
        row.changed = now
    if rows:
        Budget.objects.bulk_update(rows, ["failures", "last", "until", "changed"])
