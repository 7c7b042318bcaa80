"""Which way somebody is coming in while a second factor may still be asked for."""

from typing import Any

from allauth.account.signals import authentication_step_completed
from django.http import HttpRequest

from accounts.models import User

_FACE = "face_step"


def connect() -> None:
    """Called once when the app is ready."""
    authentication_step_completed.connect(_stepped, dispatch_uid="accounts.stepped")


def face_was_right(request: HttpRequest, user: User) -> None:
    """Remember it in the session until that person is signed in."""
    request.session[_FACE] = user.pk


def came_by_face(request: HttpRequest, user: User) -> bool:
    """Was it this person's face? Asked once, when they are signed in."""
    return bool(request.session.pop(_FACE, None) == user.pk)


def _stepped(sender: type[User], request: HttpRequest, method: str, **kwargs: Any) -> None:
    """Whoever gave a password after a face that was not followed up comes in by password."""
    if method == "password":
        request.session.pop(_FACE, None)
