"""The page on which administrators see what their site still needs."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.mail import send_mail
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from portal import checklist

View = Callable[..., HttpResponse]


def administrators_only(view: View) -> View:
    """Strangers are sent to sign in, everybody but superusers gets 403."""

    @never_cache
    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_superuser:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


@administrators_only
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    items = checklist.items()
    done = sum(item.done for item in items)
    return render(request, "checklist.html", {"items": items, "done": done})


@administrators_only
@require_POST
def test_mail(request: HttpRequest) -> HttpResponse:
    """One mail to whoever asks for it."""
    to = getattr(request.user, "email", "")
    words = gettext("This is the mail you asked for. If you read it, Livegate's mails arrive.")
    try:
        if not to:
            raise OSError(gettext("your account has no address"))
        send_mail(gettext("Livegate's mails arrive"), words, None, [to])
    except OSError as error:
        said = gettext("The mail could not be sent: %(why)s. See EMAIL_URL.") % {"why": error}
        messages.error(request, said)
    else:
        messages.success(request, gettext("A mail is on its way to %(to)s.") % {"to": to})
    return redirect("checklist")
