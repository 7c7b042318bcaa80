"""What a person may see and take away: recent sign-ins in words, and everything as plain data."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db.models import Model, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import holdings
from accounts.models import Consent, FaceTemplate, FailureNotice, SignIn, User
from liveness.models import Attempt, Evidence
from liveness.services import truncate_address

_SHOWN = 10

_OUTCOMES = {
    Attempt.State.FAILED: _("Refused"),
    Attempt.State.ABSTAINED: _("Could not be judged"),
    Attempt.State.ERROR: _("Broken off by an error"),
}


@dataclass(frozen=True)
class Entry:
    """One line of the history. accepted: it led into the account."""

    at: datetime
    way: str
    outcome: str
    client: str
    accepted: bool


def recent(user: User, count: int = _SHOWN) -> list[Entry]:
    """The latest sign-ins and refused attempts, newest first."""
    successes = [_success(row) for row in SignIn.objects.filter(user=user)[:count]]
    refusals = [_refusal(row) for row in _refused(user)[:count]]
    return sorted([*successes, *refusals], key=lambda entry: entry.at, reverse=True)[:count]


def export(user: User) -> dict[str, Any]:
    """All that is stored about a person, as JSON types.

    Pictures are not included: an attempt under this name may show the face of somebody else; ``archive`` compares them.
    """
    held = holdings.report(user)
    return {
        "account": _account(user),
        "face": _face(user),
        "consents": [_consent(row) for row in Consent.objects.filter(user=user)],
        "sign_ins": [_sign_in(row) for row in SignIn.objects.filter(user=user)],
        "sessions": [_session(row) for row in UserSession.objects.filter(user=user)],
        "notices": [_notice(row) for row in FailureNotice.objects.filter(user=user)],
        "attempts": [_attempt(row) for row in Attempt.objects.filter(user=user)],
        "pictures_kept": Evidence.objects.filter(attempt__user=user).count(),
        "addresses": _rows(EmailAddress, user, "email", "verified", "primary"),
        "second_factors": _rows(Authenticator, user, "type", "created_at", "last_used_at"),
        "held": held["held"],
        "elsewhere": held["elsewhere"],
    }


def _rows(model: type[Model], user: User, *fields: str) -> list[dict[str, Any]]:
    rows = model._default_manager.filter(user=user).values(*fields)
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _refused(user: User) -> QuerySet[Attempt]:
    return Attempt.objects.filter(
        user=user, purpose=Attempt.Purpose.SIGNIN, state__in=list(_OUTCOMES)
    ).order_by("-created")


def _success(row: SignIn) -> Entry:
    return Entry(
        row.at, str(SignIn.Way(row.way).label), gettext("Signed in"), row.client, accepted=True
    )


def _refusal(row: Attempt) -> Entry:
    outcome = str(_OUTCOMES[Attempt.State(row.state)])
    return Entry(row.created, str(SignIn.Way.FACE.label), outcome, row.client, accepted=False)


def _account(user: User) -> dict[str, Any]:
    return {
        "username": user.username,
        "email": user.email,
        "language": user.language,
        "joined": user.date_joined.isoformat(),
        "last_sign_in": _time(user.last_login),
        "first_name": user.first_name,
        "last_name": user.last_name,
        "groups": sorted(user.groups.values_list("name", flat=True)),
        "face_off": _time(user.face_off),
    }


def _face(user: User) -> dict[str, Any]:
    template = FaceTemplate.objects.filter(user=user).first()
    if template is None:
        return {"stored": False}
    return {
        "stored": True,
        "created": template.created.isoformat(),
        "last_used": template.last_used.isoformat(),
        "model": template.model_name,
        "frames": template.frames,
        "change_waits_since": _time(template.pending_since),
        "attempt": str(template.attempt),
    }


def _consent(row: Consent) -> dict[str, Any]:
    return {
        "version": row.version,
        "text_sha256": row.digest,
        "purpose": row.purpose,
        "given": row.given.isoformat(),
        "withdrawn": _time(row.withdrawn),
    }


def _sign_in(row: SignIn) -> dict[str, Any]:
    return {"at": row.at.isoformat(), "way": row.way, "network": row.client}


def _session(row: UserSession) -> dict[str, Any]:
    return {
        "begun": row.created_at.isoformat(),
        "last_seen": row.last_seen_at.isoformat(),
        "network": truncate_address(row.ip),
        "browser": row.user_agent,
    }


def _notice(row: FailureNotice) -> dict[str, Any]:
    return {
        "asked": row.created.isoformat(),
        "network": row.client,
        "answer": row.answer,
        "answered": _time(row.answered),
    }


def _attempt(row: Attempt) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "purpose": row.purpose,
        "state": row.state,
        "created": row.created.isoformat(),
        "closed": _time(row.closed),
        "network": row.client,
        "browser": row.user_agent,
        "camera": row.camera,
        "measures": row.measures,
        "model": row.model_name,
        "label": row.label,
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
