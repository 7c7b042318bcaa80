"""Every sign-in and refusal leaves a line in the log, sign-ins a row for their owner; attempts are charged."""

from typing import Any

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.account.signals import (
    authentication_step_completed,
    password_changed,
    password_reset,
    password_set,
    user_signed_up,
)
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed, authenticator_added, authenticator_removed
from allauth.usersessions.models import UserSession
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.db.models.signals import pre_save
from django.http import HttpRequest
from django.utils.translation import get_language

from accounts import audit, budgets, notices, policies, renewal, services, sessions, tasks
from accounts.clients import client_address
from accounts.models import SignIn, User
from liveness.models import Attempt
from liveness.services import truncate_address
from liveness.signals import attempt_decided, attempt_starting
from liveness.tickets import TicketError


def connect() -> None:
    """Called once when the app is ready."""
    user_logged_in.connect(_signed_in, dispatch_uid="accounts.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="accounts.signed_out")
    user_login_failed.connect(_refused, dispatch_uid="accounts.refused")
    password_changed.connect(_new_password, dispatch_uid="accounts.password_changed")
    password_set.connect(_new_password, dispatch_uid="accounts.password_set")
    pre_save.connect(
        sessions.without_address, sender=UserSession, dispatch_uid="accounts.without_address"
    )
    password_reset.connect(_new_password, dispatch_uid="accounts.password_reset")
    user_signed_up.connect(_signed_up, dispatch_uid="accounts.signed_up")
    authentication_step_completed.connect(_confirmed, dispatch_uid="accounts.confirmed")
    authenticator_added.connect(_factor_added, dispatch_uid="accounts.factor_added")
    authenticator_removed.connect(_factor_removed, dispatch_uid="accounts.factor_removed")
    authentication_failed.connect(_factor_refused, dispatch_uid="accounts.factor_refused")
    attempt_starting.connect(_charge, dispatch_uid="accounts.charge")
    attempt_decided.connect(_settle, dispatch_uid="accounts.settle")


def _signed_in(sender: type[User], request: HttpRequest, user: User, **kwargs: Any) -> None:
    way = _way(request, user)
    client = truncate_address(client_address(request))
    services.speak(user=user, language=get_language() or "")
    services.record_sign_in(user=user, way=way, client=client)
    if way != SignIn.Way.FACE:
        budgets.pardon(user)
    tasks.keep_promises_if_due()
    renewal.confirm(user, get_authentication_records(request, user))
    audit.accepted("signed_in", user=user.pk, way=way.value, client=client)


def _way(request: HttpRequest, user: User) -> SignIn.Way:
    """Both, where both were needed; otherwise what was given last, before any second factor."""
    records = policies.records(request.session, user, policies.PATIENCE)
    first = [row["method"] for row in records if row["method"] != policies.Factor.SECOND]
    if len(set(first)) > 1 and policies.rule_for(user) == policies.Rule.FACE_PASSWORD:
        return SignIn.Way.BOTH
    face = request.session.get(BACKEND_SESSION_KEY, "").endswith("FaceBackend")
    last = first[-1] if first else SignIn.Way.FACE if face else SignIn.Way.PASSWORD
    return SignIn.Way(last)


def _signed_up(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Whoever has just chosen a password has given it."""
    if user.has_usable_password():
        record_authentication(request, user, "password")


def _confirmed(
    sender: Any, method: str, user: User, reauthenticated: bool = False, **kwargs: Any
) -> None:
    if reauthenticated:
        audit.accepted("identity_confirmed", user=user.pk, by_means_of=kwargs.get("type", method))


def _factor_added(
    sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any
) -> None:
    """Setting one up proves that it is at hand."""
    audit.accepted("second_factor_added", user=user.pk, kind=authenticator.type)
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        record_authentication(request, user, "mfa", type=authenticator.type)


def _factor_removed(sender: Any, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    audit.accepted("second_factor_removed", user=user.pk, kind=authenticator.type)


def _factor_refused(sender: Any, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    audit.refused("second_factor_refused", user=user.pk, kind=authenticator.type)


def _signed_out(sender: Any, request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    if user is not None:
        audit.accepted("signed_out", user=user.pk)


def _refused(
    sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
) -> None:
    """Refused faces were logged where they were refused, with more to say."""
    if "face_attempt" not in credentials:
        name = credentials.get("username") or credentials.get("email")
        client = truncate_address(client_address(request)) if request is not None else ""
        audit.refused("password_refused", claimed=name, client=client)


def _charge(sender: type[Attempt], attempt: Attempt, **kwargs: Any) -> None:
    """A sign-in that starts is taken from the budgets, before its first frame."""
    if attempt.purpose != Attempt.Purpose.SIGNIN:
        return
    user = User.objects.filter(pk=attempt.user_id).first() if attempt.user_id else None
    who = budgets.subjects(user=user, name=attempt.claimed, device="", network=attempt.client)
    try:
        budgets.charge(attempt.pk, who)
    except budgets.Exhausted as error:
        audit.refused("attempt_refused", attempt=str(attempt.pk), wait=error.seconds)
        raise TicketError("wait") from error


def _settle(sender: type[Attempt], attempt: Attempt, **kwargs: Any) -> None:
    """A spoof and a stranger's face use the attempt up; what was not judged does not."""
    if attempt.state == Attempt.State.FAILED:
        _tell_owner(attempt, budgets.keep(attempt.pk))
    elif attempt.matched:
        budgets.succeed(attempt.pk)
    elif attempt.state != Attempt.State.PASSED:
        budgets.give_back(attempt.pk)


def _tell_owner(attempt: Attempt, failures: int) -> None:
    user = User.objects.filter(pk=attempt.user_id).first() if attempt.user_id else None
    if user is None:
        return
    notice = notices.open_if_due(user=user, failures=failures, client=attempt.client)
    if notice is not None:
        # No partial: Django cannot name one when it fails, and fails itself.
        transaction.on_commit(lambda: tasks.send_notice.delay(notice.pk), robust=True)


def _new_password(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Whoever knew the old one is signed out; the browser in which it was changed goes on."""
    notices.face_on(user)
    sessions.end_all(user, keep=request.session.session_key or "")
