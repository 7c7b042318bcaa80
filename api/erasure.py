"""Answers that are kept for repeated requests may speak of a person: those are forgotten with them."""

import json
from typing import Any

from accounts.models import User
from api import idempotency
from api.models import StoredAnswer


def forget(user: User) -> None:
    """Delete the kept answers that name a person or one of their attempts.

    One that cannot be opened or read is deleted too: nothing is lost but a repetition.
    """
    words = {name.casefold() for name in (user.get_username(), user.email) if name}
    words |= {str(pk) for pk in user.liveness_attempts.values_list("pk", flat=True)}
    words |= {str(pk) for pk in user.captures.values_list("pk", flat=True)}
    rows = StoredAnswer.objects.filter(body__isnull=False)
    gone = [row.pk for row in rows.iterator() if _speaks_of(row, words, user.pk)]
    StoredAnswer.objects.filter(pk__in=gone).delete()


def _speaks_of(row: StoredAnswer, words: set[str], number: int) -> bool:
    try:
        return _names(json.loads(idempotency.opened(row)), words, number)
    except ValueError:
        return True


def _names(value: Any, words: set[str], number: int, key: str = "") -> bool:
    if isinstance(value, dict):
        return any(_names(part, words, number, name) for name, part in value.items())
    if isinstance(value, list):
        return any(_names(part, words, number, key) for part in value)
    if isinstance(value, str):
        return value.casefold() in words
    return key == "user" and value == number
