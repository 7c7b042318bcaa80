"""Every sign-in and refusal leaves a line in the log; sign-ins also a row for their owner."""

from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from accounts import audit, services
from accounts.clients import client_address
from accounts.models import SignIn, User
from liveness.services import truncate_address


def connect() -> None:
    """Called once when the app is ready."""
    user_logged_in.connect(_signed_in, dispatch_uid="accounts.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="accounts.signed_out")
    user_login_failed.connect(_refused, dispatch_uid="accounts.refused")


def _signed_in(sender: type[User], request: HttpRequest, user: User, **kwargs: Any) -> None:
    backend = request.session.get(BACKEND_SESSION_KEY, "")
    way = SignIn.Way.FACE if backend.endswith("FaceBackend") else SignIn.Way.PASSWORD
    client = truncate_address(client_address(request))
    services.record_sign_in(user=user, way=way, client=client)
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
