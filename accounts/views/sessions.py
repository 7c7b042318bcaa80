"""Where I am signed in, and how to end it there."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import sessions
from accounts.views.common import person, session_key


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def places(request: HttpRequest) -> HttpResponse:
    """GET: the list; POST: ``end`` names one of its rows, or everything else."""
    if request.method == "POST":
        _end(request, request.POST.get("end", ""))
        return redirect("accounts:sessions")
    shown = sessions.places(person(request), session_key(request))
    return render(request, "accounts/sessions.html", {"places": shown})


def _end(request: HttpRequest, what: str) -> None:
    user = person(request)
    if what == "others":
        count = sessions.end_all(user, keep=session_key(request))
        said = ngettext(
            "%(count)s other session was ended.", "%(count)s other sessions were ended.", count
        )
        messages.success(request, said % {"count": count})
    elif what.isdecimal() and sessions.end(user, int(what)):
        messages.success(request, gettext("That session was ended."))
    else:
        messages.error(request, gettext("There is no such session any more."))
