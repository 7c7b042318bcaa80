"""How often a face may be wrong (NIST SP 800-63B-4, with presentation attack detection).

Ten failures in a row: thirty seconds between attempts. A hundred: no face sign-in until a password
sign-in. Names that belong to nobody are counted the same way, and the password is never affected,
so nobody can be locked out.
"""

from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from accounts.names import find_user
from liveness.models import Attempt

SLOW_AFTER = 10
PAUSE_AFTER = 100
WAIT = timedelta(seconds=30)


class Throttled(Exception):
    """Too many failures for this name. seconds: the wait; None: until a password sign-in."""

    def __init__(self, seconds: int | None) -> None:
        super().__init__("Face sign-in is slowed down or paused for this name.")
        self.seconds = seconds


def check(name: str, now: datetime | None = None) -> None:
    """Raises Throttled while face sign-in for this canonical name has to wait."""
    failures = _failures_in_a_row(name)
    if len(failures) >= PAUSE_AFTER:
        raise Throttled(None)
    if len(failures) >= SLOW_AFTER:
        left = failures[0] + WAIT - (now or timezone.now())
        if left > timedelta(0):
            raise Throttled(int(left.total_seconds()) + 1)


def _failures_in_a_row(name: str) -> list[datetime]:
    """When the failures since the last sign-in ended, the latest first; at most PAUSE_AFTER.

    A person is one person whether the user name or the e-mail address was typed.
    """
    user = find_user(name)
    failed = Attempt.objects.filter(
        Q(user=user) if user else Q(claimed=name),
        purpose=Attempt.Purpose.SIGNIN,
        state=Attempt.State.FAILED,
    )
    if user is not None and user.last_login is not None:
        failed = failed.filter(created__gt=user.last_login)
    latest = failed.order_by("-closed").values_list("closed", flat=True)[:PAUSE_AFTER]
    return [closed for closed in latest if closed is not None]
