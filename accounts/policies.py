"""What a sign-in needs: the strictest rule that applies, which factors were given, and which one is next.

Rules are rows, one for the site and one for each group that has its own. LIVEGATE_SECOND_FACTOR is the operator's floor
under them. Each rule has ways in, and each way a set of factors; a way without a face is always among them.
"""

import time
from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import audit
from accounts.models import SignInPolicy, User
from liveness.flash import was_skipped
from liveness.models import Attempt

Rule = SignInPolicy.Rule
STRICTNESS = list(Rule)
PATIENCE = timedelta(minutes=15)
"""How long a factor waits for the others of the same sign-in."""


class Factor(StrEnum):
    """What somebody proves themselves with, as allauth's records name it."""

    FACE = "face"
    PASSWORD = "password"  # noqa: S105
    SECOND = "mfa"


class Step(StrEnum):
    """What is to be done next, when the factors that were given are not enough."""

    FACE = "face"
    PASSWORD = "password"  # noqa: S105
    SECOND = "mfa"
    SET_UP = "set_up"


_FACE, _PASSWORD, _SECOND = Factor
WAYS: dict[str, tuple[frozenset[Factor], ...]] = {
    Rule.FACE: (frozenset({_FACE}), frozenset({_PASSWORD})),
    Rule.FACE_PASSWORD: (frozenset({_FACE, _PASSWORD}), frozenset({_PASSWORD, _SECOND})),
    Rule.FACE_SECOND: (frozenset({_FACE, _SECOND}), frozenset({_PASSWORD, _SECOND})),
    Rule.PASSWORD_SECOND: (frozenset({_PASSWORD, _SECOND}),),
}


def rule_for(user: User) -> Rule:
    """The strictest of the site's rule, those of this person's groups, and the operator's floor."""
    rows = SignInPolicy.objects.filter(Q(group=None) | Q(group__user=user))
    applying = [Rule(rule) for rule in rows.values_list("rule", flat=True)]
    return max([*applying, _floor(user)], key=STRICTNESS.index)


def has_second_factor(user: User) -> bool:
    """Is a passkey or an authenticator app set up? Then it is asked for after every face and every password."""
    return bool(is_mfa_enabled(user, [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]))


def skipped_the_colours(attempt: UUID | None) -> bool:
    """Did the person skip colours that this attempt wanted? Then the face counts beside a second factor alone."""
    made = Attempt.objects.filter(pk=attempt).first() if attempt else None
    return made is not None and was_skipped(made)


def staff_pages_need_second_factor() -> bool:
    """By the site's policy, or because the operator asks it of the staff anyway."""
    if settings.LIVEGATE_SECOND_FACTOR in ("staff", "everybody"):
        return True
    return SignInPolicy.objects.filter(group=None, staff_pages=True).exists()


def given(session: Any, user: User, within: timedelta | None = None) -> set[Factor]:
    """The factors with which this person proved themselves in this session, or in the last part of it."""
    return {Factor(record["method"]) for record in records(session, user, within)}


def records(session: Any, user: User, within: timedelta | None = None) -> list[dict[str, Any]]:
    """allauth's records of those proofs, oldest first: method, at (seconds since 1970), and more."""
    oldest = time.time() - within.total_seconds() if within else 0.0
    known = get_authentication_records(_Holder(session), user)
    return [row for row in known if row["method"] in set(Factor) and row["at"] > oldest]


def next_step(user: User, proven: Collection[Factor]) -> Step | None:
    """What is missing; None when it is enough. SET_UP: no way can be walked with what this person has set up."""
    ways = WAYS[rule_for(user)]
    if any(way <= set(proven) for way in ways):
        return None
    for way in sorted(ways, key=lambda way: len(way - set(proven))):
        missing = sorted(way - set(proven), key=list(Factor).index)
        if all(_can_give(user, factor) for factor in missing):
            return Step(missing[0].value)
    return Step.SET_UP


def unmet(session: Any, user: User) -> Step | None:
    """What a session that is signed in still lacks, as the rules are now; None when nothing."""
    if rule_for(user) == Rule.FACE:
        return None
    return next_step(user, given(session, user))


@transaction.atomic
def set_policy(
    *, group: Group | None, rule: str, staff_pages: bool = False, by: User | None = None
) -> SignInPolicy:
    """Write the rule of a group, or with None of the site, and an entry of the trail. staff_pages: the site's alone."""
    before = SignInPolicy.objects.select_for_update().filter(group=group).first()
    values = {
        "rule": Rule(rule).value,
        "staff_pages": staff_pages and group is None,
        "changed": timezone.now(),
    }
    policy, _ = SignInPolicy.objects.update_or_create(group=group, defaults=values)
    audit.accepted(
        "policy_changed",
        by=by.pk if by else None,
        policy=group.name if group else "site",
        rule=policy.rule,
        staff_pages=policy.staff_pages,
        before=before.rule if before else None,
    )
    return policy


@transaction.atomic
def remove_policy(*, group: Group, by: User | None = None) -> None:
    """The site's rule counts for this group again."""
    before = SignInPolicy.objects.filter(group=group).first()
    if before is not None:
        before.delete()
        audit.accepted(
            "policy_removed", by=by.pk if by else None, policy=group.name, before=before.rule
        )


class _Holder:
    """allauth reads the records from a request; a socket has a session alone."""

    def __init__(self, session: Any) -> None:
        self.session = session


def _floor(user: User) -> Rule:
    who = settings.LIVEGATE_SECOND_FACTOR
    if who == "everybody" or (who == "staff" and user.is_staff):
        return Rule.FACE_SECOND
    names = settings.LIVEGATE_SECOND_FACTOR_GROUPS
    bound = bool(names) and user.groups.filter(name__in=names).exists()
    return Rule.FACE_SECOND if bound else Rule.FACE


def _can_give(user: User, factor: Factor) -> bool:
    if factor == Factor.FACE:
        return user.has_face and user.face_off is None
    if factor == Factor.PASSWORD:
        return user.has_usable_password()
    return has_second_factor(user)
