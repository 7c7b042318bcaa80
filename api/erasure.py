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
    StoredAnswer.objects.filter(pk__in=_about(user)).delete()


def holding(user_pk: int) -> dict[str, Any]:
    """What is held of a person here: captures that other sites ordered, and kept answers that name them."""
    user = User.objects.get(pk=user_pk)
    captures = user.captures.select_related("key")
    return {
        "captures": user.captures.count(),
        "ordered": [
            {
                "by": capture.key.name,
                "purpose": capture.purpose,
                "reference": capture.reference,
                "created": capture.created.isoformat(),
                "redeemed": capture.redeemed.isoformat() if capture.redeemed else None,
            }
            for capture in captures
        ],
        "answers": len(_about(user)),
    }


def _about(user: User) -> list[int]:
    """Keys of the kept answers that name a person, one of their attempts or a capture."""
    words = {name.casefold() for name in (user.get_username(), user.email) if name}
    words |= {str(pk) for pk in user.liveness_attempts.values_list("pk", flat=True)}
    words |= {str(pk) for pk in user.captures.values_list("pk", flat=True)}
    rows = StoredAnswer.objects.filter(body__isnull=False)
    return [row.pk for row in rows.iterator() if _speaks_of(row, words, user.pk)]


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
