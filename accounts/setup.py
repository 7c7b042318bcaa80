"""The first administrator of a fresh portal, made with a code that only the server's log shows.

The page behind it exists while nobody administers the portal. The code has 100 random bits, is kept as a digest, ends
after a day, and all codes end with the first that is used. Two who use codes at once get one administrator.
"""

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import SetupCode, User

VALID = timedelta(hours=24)
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_GROUPS, _GROUP = 5, 4


class SetupRefused(PermissionError):
    """The code is wrong or too old, or somebody administers the portal by now."""


def is_needed() -> bool:
    """Whether nobody administers this portal."""
    return not User.objects.filter(is_superuser=True, is_active=True).exists()


def new_code() -> str:
    """A code for the log, such as ABCD-EFGH-JKLM-NPQR-STUV; older ones that are still valid stay so."""
    code = "-".join(
        "".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS)
    )
    SetupCode.objects.filter(created__lt=timezone.now() - VALID).delete()
    SetupCode.objects.create(digest=_digest(code))
    return code


@transaction.atomic
def make_administrator(*, code: str, username: str, email: str, password: str) -> User:
    """The account of the first administrator. Raises SetupRefused."""
    # Whoever comes second waits here, and then finds no code any more.
    codes = {row.digest for row in SetupCode.objects.select_for_update() if _is_valid(row)}
    if not is_needed() or _digest(code) not in codes:
        raise SetupRefused
    SetupCode.objects.all().delete()
    user = User.objects.create_superuser(username, email, password)
    audit.accepted("first_administrator_made", user=user.pk)
    return user


def _is_valid(row: SetupCode) -> bool:
    return row.created > timezone.now() - VALID


def _digest(code: str) -> str:
    """Of the code as it is meant: case, blanks and dashes are how people type."""
    plain = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(f"accounts.setup:{plain}".encode()).hexdigest()
