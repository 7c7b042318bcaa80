"""Every sign-in and refusal leaves a line in the log, sign-ins a row for their owner; attempts are charged."""

from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.signals import password_changed, password_reset
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import get_language

from accounts import audit, budgets, notices, renewal, services, tasks
from accounts.clients import client_address
from accounts.models import SignIn, User
from accounts.ways import came_by_face
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
    password_reset.connect(_new_password, dispatch_uid="accounts.password_reset")
    attempt_starting.connect(_charge, dispatch_uid="accounts.charge")
    attempt_decided.connect(_settle, dispatch_uid="accounts.settle")


def _signed_in(sender: type[User], request: HttpRequest, user: User, **kwargs: Any) -> None:
    backend = request.session.get(BACKEND_SESSION_KEY, "")
    face = came_by_face(request, user) or backend.endswith("FaceBackend")
    way = SignIn.Way.FACE if face else SignIn.Way.PASSWORD
    client = truncate_address(client_address(request))
    services.speak(user=user, language=get_language() or "")
    services.record_sign_in(user=user, way=way, client=client)
    if way != SignIn.Way.FACE:
        budgets.pardon(user)
    tasks.keep_promises_if_due()
    renewal.confirm(user, get_authentication_records(request, user))
    audit.accepted("signed_in", user=user.pk, way=way.value, client=client)


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


def _new_password(sender: Any, user: User, **kwargs: Any) -> None:
    notices.face_on(user)
