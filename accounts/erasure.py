"""Erasure: what goes with a face, what goes with an account, in this room and, by the names in settings, in others.

Each step is safe to repeat. All of them share one transaction, but for files, which go after its commit: a copy that
outlives a rolled-back erasure is right, one that is missing is not.
"""

from collections import Counter
from functools import partial, reduce
from operator import or_
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q
from django.utils.module_loading import import_string

from accounts import budgets, remains
from accounts.happenings import face_erased
from accounts.models import FaceTemplate, User
from liveness import services as liveness

_OWN_ROWS = ("consent", "signin", "failurenotice")


def face(user: User) -> None:
    """The template, what waits to become part of it, every attempt with its pictures, and copies of these anywhere."""
    face_erased.send(User, user=user)
    copies(user)
    FaceTemplate.objects.filter(user=user).delete()
    liveness.erase_user(user)


def copies(user: User, *, leaving: bool = False) -> None:
    """What training holds: its record now, files after the commit. leaving: the account goes too."""
    if dotted := settings.LIVEGATE_FORGET_LESSONS:
        import_string(dotted)(user, leaving=leaving)
    if dotted := settings.LIVEGATE_ERASE_COPIES:
        transaction.on_commit(partial(import_string(dotted), user.pk))
    transaction.on_commit(remains.wipe, robust=True)


def account(user: User) -> None:
    """Everything about a person, wherever it is; ``user`` has no key afterwards."""
    face_erased.send(User, user=user)
    copies(user, leaving=True)
    FaceTemplate.objects.filter(user=user).delete()
    liveness.erase_user(user)
    budgets.erase(user)
    sessions(user)
    log_entries(user)
    Authenticator.objects.filter(user=user).delete()
    user.delete()


def sessions(user: User) -> int:
    """End every session of a person in the database, and those in which somebody typed their name; how many."""
    names = frozenset(name.casefold() for name in (user.get_username(), user.email) if name)
    gone = [
        row.pk for row in Session.objects.iterator() if _is_about(row.get_decoded(), user, names)
    ]
    return Session.objects.filter(pk__in=gone).delete()[0]


def signed_in() -> Counter[str]:
    """In how many sessions each account is signed in, by its key as text."""
    rows = (row.get_decoded().get("_auth_user_id") for row in Session.objects.iterator())
    return Counter(str(number) for number in rows if number)


def log_entries(user: User) -> int:
    """Delete the lines of the administration's log that call a person by name; how many."""
    name, email = user.get_username(), user.email
    begins = (f"{name} · ", f"{name} by ", f"{name}: ")
    rows = Q(content_type__app_label="accounts", object_repr__in=[name, f"Face of {name}"])
    rows |= Q(content_type__app_label="accounts", content_type__model="user", object_id=user.pk)
    own = reduce(or_, (Q(object_repr__startswith=start) for start in begins))
    rows |= own & Q(content_type__app_label="accounts", content_type__model__in=_OWN_ROWS)
    if email:
        rows |= Q(object_repr__icontains=email)
    return LogEntry.objects.filter(rows).delete()[0]


def learned_from(user: User) -> list[dict[str, Any]]:
    """The models that learned from a person's pictures, as training says."""
    dotted = settings.LIVEGATE_HOLDINGS.get("training")
    return list(import_string(dotted)(user.pk)["models"]) if dotted else []


def _is_about(value: Any, user: User, names: frozenset[str], key: str = "") -> bool:
    """Does a session say this name or address anywhere, or the account's number where accounts are named?"""
    if isinstance(value, dict):
        return any(_is_about(part, user, names, str(name)) for name, part in value.items())
    if isinstance(value, list | tuple):
        return any(_is_about(part, user, names, key) for part in value)
    if isinstance(value, str) and value.casefold() in names:
        return True
    return "user" in key and str(value) == str(user.pk)
