"""What is held about a person: counts, dates, purposes and when each of it goes. Never a face, a score or a secret."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db.models import Min, QuerySet
from django.utils.module_loading import import_string
from django.utils.translation import gettext

from accounts import erasure, ledger
from accounts.consent import Purpose
from accounts.models import Consent, FaceTemplate, FailureNotice, SignIn, User
from accounts.renewal import PATIENCE
from liveness.models import Attempt, Evidence

NO_CONSENT = "the account"


@dataclass(frozen=True)
class Item:
    """One kind of thing: how much of it, since when, for what, when the first of it goes (None: not by the clock), and why."""

    what: str
    count: int
    since: datetime | None
    purpose: str
    until: datetime | None
    rule: str


def items(user: User, sessions: Counter[str] | None = None) -> list[Item]:
    """All that is there of a person, kind by kind; kinds of which there is nothing are left out.

    sessions: what ``erasure.signed_in`` says, for whoever asks about many people.
    """
    counted = erasure.signed_in() if sessions is None else sessions
    return [item for item in _every(user, counted[str(user.pk)]) if item.count]


def elsewhere(user: User) -> dict[str, Any]:
    """What other rooms hold: by name, what the functions of LIVEGATE_HOLDINGS say of the account."""
    return {
        name: import_string(dotted)(user.pk) for name, dotted in settings.LIVEGATE_HOLDINGS.items()
    }


def report(user: User, sessions: Counter[str] | None = None) -> dict[str, Any]:
    """Everything as JSON types, times as ISO 8601. sessions: as for ``items``."""
    given = ledger.in_force(user)
    return {
        "person": user.get_username(),
        "joined": user.date_joined.isoformat(),
        "last_sign_in": _iso(user.last_login),
        "consents": {
            purpose.value: {"version": row.version, "given": row.given.isoformat()}
            for purpose, row in given.items()
        },
        "held": [
            asdict(item) | {"since": _iso(item.since), "until": _iso(item.until)}
            for item in items(user, sessions)
        ],
        "elsewhere": elsewhere(user),
    }


def _every(user: User, sessions: int) -> Iterator[Item]:
    yield from _faces(user)
    yield from _attempts(user)
    days = settings.LIVENESS_ATTEMPT_DAYS
    yield _aged(
        gettext("records of sign-ins"), SignIn.objects.filter(user=user), "at", days, NO_CONSENT
    )
    notices = FailureNotice.objects.filter(user=user)
    yield _aged(gettext("questions about failed attempts"), notices, "created", days, NO_CONSENT)
    withdrawn = Consent.objects.filter(user=user, withdrawn__isnull=False)
    kept = settings.LIVEGATE_CONSENT_DAYS
    yield _aged(
        gettext("consents that were taken back"),
        withdrawn,
        "withdrawn",
        kept,
        gettext("proof of consent"),
    )
    for what, count in (
        (gettext("addresses"), EmailAddress.objects.filter(user=user).count()),
        (gettext("second factors"), Authenticator.objects.filter(user=user).count()),
    ):
        yield Item(
            what,
            count,
            None,
            NO_CONSENT,
            None,
            gettext("until you remove it or delete the account"),
        )
    hours = settings.SESSION_COOKIE_AGE // 3600
    yield Item(
        gettext("sessions"),
        sessions,
        None,
        NO_CONSENT,
        None,
        gettext("%(n)s hours after the sign-in") % {"n": hours},
    )


def _faces(user: User) -> Iterator[Item]:
    template = FaceTemplate.objects.filter(user=user).first()
    if template is None:
        return
    days = settings.LIVEGATE_TEMPLATE_DAYS
    until = template.last_used + timedelta(days=days)
    rule = gettext("%(n)s days after its last use") % {"n": days}
    yield Item(gettext("face template"), 1, template.created, Purpose.SIGNIN.value, until, rule)
    if template.pending is not None and template.pending_since:
        until = template.pending_since + PATIENCE
        rule = gettext("unless a second factor confirms it")
        yield Item(
            gettext("change of the template that waits"),
            1,
            template.pending_since,
            Purpose.SIGNIN.value,
            until,
            rule,
        )


def _attempts(user: User) -> Iterator[Item]:
    about = Attempt.objects.filter(user=user)
    days = settings.LIVENESS_ATTEMPT_DAYS
    yield _aged(gettext("records of attempts"), about, "created", days, NO_CONSENT)
    shown = Evidence.objects.filter(attempt__in=about)
    days = settings.LIVENESS_EVIDENCE_DAYS
    for what, sampled, purpose in (
        (gettext("pictures of attempts that did not succeed"), False, Purpose.EVIDENCE),
        (gettext("pictures of attempts that succeeded"), True, Purpose.TRAINING),
    ):
        rows = shown.filter(attempt__sampled=sampled)
        yield _aged(what, rows, "attempt__created", days, purpose.value)


def _aged(what: str, rows: QuerySet[Any], since: str, days: int, purpose: str) -> Item:
    """Rows that go so many days after the time in their column ``since``."""
    oldest = rows.aggregate(oldest=Min(since))["oldest"]
    until = oldest + timedelta(days=days) if oldest else None
    return Item(
        what, rows.count(), oldest, purpose, until, gettext("after %(n)s days") % {"n": days}
    )


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
