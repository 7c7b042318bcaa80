"""The page on which a fresh portal gets its first administrator; it is not there afterwards."""

from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import audit, setup
from accounts.clients import client_address
from accounts.forms import SetupForm
from liveness.services import truncate_address


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def first_administrator(request: HttpRequest) -> HttpResponse:
    """404 as soon as somebody administers the portal."""
    if not setup.is_needed():
        raise Http404
    form = SetupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = {name: form.cleaned_data[name] for name in ("code", "username", "email")}
        try:
            user = setup.make_administrator(**given, password=form.cleaned_data["password1"])
        except setup.SetupRefused:
            audit.refused("setup_refused", client=truncate_address(client_address(request)))
            form.add_error(
                "code",
                gettext(
                    "This is not the code, or it is older than a day. Start the server anew: its log shows a new one."
                ),
            )
        else:
            login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            return redirect("checklist")
    return render(request, "accounts/setup.html", {"form": form})
