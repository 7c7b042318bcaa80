"""Where somebody is signed in: django-allauth's rows, with truncated networks, in words, and ended on request."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest

from accounts import audit, browsers
from accounts.models import User
from liveness.services import truncate_address

_NOTED = 60
"""Seconds within which a session is noted as seen once."""


@dataclass(frozen=True)
class Place:
    """One browser that is signed in. number: the row's key; network: truncated; here: it is the one that asks."""

    number: int
    browser: str
    network: str
    begun: datetime
    seen: datetime
    here: bool


def places(user: User, session_key: str) -> list[Place]:
    """Every session of this person that still opens something, this one first, then the latest."""
    rows = UserSession.objects.purge_and_list(user)
    found = [_place(row, session_key) for row in rows]
    return sorted(found, key=lambda place: (place.here, place.seen), reverse=True)


def note(request: HttpRequest) -> None:
    """This session was used now. Once a minute at most, so that reading pages writes next to nothing.

    While the cache is away, each time: nobody is kept waiting for a note.
    """
    key = request.session.session_key or ""
    try:
        due = cache.add(f"session-seen:{UserSession.__name__}:{key}", True, _NOTED)
    except redis.RedisError:
        due = True
    if due:
        UserSession.objects.create_from_request(request)


def end(user: User, number: int) -> bool:
    """End one of this person's sessions; False when it is none of theirs, or over."""
    row = UserSession.objects.filter(user=user, pk=number).first()
    if row is None:
        return False
    row.end()
    audit.accepted("session_ended", user=user.pk)
    return True


@transaction.atomic
def end_all(user: User, keep: str = "") -> int:
    """End every session of this person but the one with the key ``keep``; says how many."""
    rows = list(UserSession.objects.filter(user=user).exclude(session_key=keep))
    for row in rows:
        row.end()
    if rows:
        audit.accepted("sessions_ended", user=user.pk, count=len(rows))
    return len(rows)


def without_address(sender: type[UserSession], instance: UserSession, **kwargs: Any) -> None:
    """Before a row is written: of the address only the network is kept, as everywhere else."""
    instance.ip = truncate_address(instance.ip).partition("/")[0] or instance.ip


def _place(row: UserSession, session_key: str) -> Place:
    return Place(
        number=row.pk,
        browser=browsers.in_words(row.user_agent),
        network=truncate_address(row.ip),
        begun=row.created_at,
        seen=row.last_seen_at,
        here=row.session_key == session_key,
    )
