"""The page on which staff make and revoke API keys."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.step_up import fresh_factor
from accounts.views.common import person
from api import keys
from api.forms import KeyForm
from api.models import ApiKey

View = Callable[..., HttpResponse]


def staff_with(permission: str) -> Callable[[View], View]:
    """Strangers are sent to sign in, everybody but staff with the permission gets 403; nothing is cached."""

    def guard(view: View) -> View:
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            user = person(request)
            if not (user.is_staff and user.has_perm(permission)):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return never_cache(login_required(checked))

    return guard


keepers_only = staff_with("api.add_apikey")


@keepers_only
@require_http_methods(["GET", "POST"])
@fresh_factor
def api_keys(request: HttpRequest) -> HttpResponse:
    """The keys one may see, and the form for another. The text of a new one is on this one answer alone."""
    form, shown = KeyForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        _, shown = keys.create_key(owner=person(request), **form.values())
        form = KeyForm()
    context = {"form": form, "shown": shown, "keys": _visible(request)}
    return render(request, "api/keys.html", context)


@keepers_only
@require_POST
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    key = get_object_or_404(_visible(request), pk=pk)
    keys.revoke_key(key=key, by=person(request))
    messages.success(
        request, gettext("The key %(key)s was revoked and is refused from now on.") % {"key": key}
    )
    return redirect("api:keys")


def _visible(request: HttpRequest) -> Any:
    """One's own keys; superusers see all."""
    user = person(request)
    rows = ApiKey.objects.select_related("owner")
    return rows if user.is_superuser else rows.filter(owner=user)
