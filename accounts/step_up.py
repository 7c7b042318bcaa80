"""A proof that it is still the same person: asked for before what changes who gets in, or what judges."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _

from accounts import policies
from accounts.models import User
from accounts.policies import Factor

View = Callable[..., HttpResponse]

FRESH = timedelta(minutes=10)
AGAIN = _("Nothing was changed yet: first we had to know that it is you. Now do it once more.")


def is_fresh(session: Any, user: User) -> bool:
    """Was the second factor, or without one the password, given minutes ago?

    A face alone is never enough: it may be held in front of an unlocked screen.
    """
    if policies.has_second_factor(user):
        return Factor.SECOND in policies.given(session, user, FRESH)
    return Factor.PASSWORD in policies.given(session, user, FRESH)


def ask(request: HttpRequest) -> HttpResponse:
    """Send the person to prove themselves and then back here; 403 with words when they have nothing to do it with.

    What was posted is not kept: it may hold a password. The person is told to do it again.
    """
    methods = get_adapter().get_reauthentication_methods(request.user)
    if not methods:
        return render(request, "accounts/no_proof.html", status=403)
    back = request.get_full_path() if request.method == "GET" else _form_of(request)
    if request.method != "GET":
        messages.warning(request, AGAIN)
    return redirect(f"{methods[0]['url']}?{urlencode({REDIRECT_FIELD_NAME: back})}")


def _form_of(request: HttpRequest) -> str:
    """The page from which something was posted, or the address it was posted to."""
    came_from = urlsplit(request.headers.get("Referer", ""))
    ours = came_from.netloc == request.get_host() and came_from.path.startswith("/")
    return urlunsplit(("", "", came_from.path, came_from.query, "")) if ours else request.path


def fresh_factor(view: View) -> View:
    """Decorator, behind ``login_required``: the view is reached with a fresh factor alone."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user = request.user
        if isinstance(user, User) and is_fresh(request.session, user):
            return view(request, *args, **kwargs)
        return ask(request)

    return checked
