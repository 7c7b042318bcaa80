"""Signing in with a face. Every name, known or not, walks the same pages to the same refusal."""

from typing import Any

from allauth.account.internal.flows.login import record_authentication, resume_login
from allauth.account.stages import LoginStageController
from allauth.account.utils import perform_login
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import budgets, devices, names, policies
from accounts.clients import client_address
from accounts.forms import NameForm
from accounts.models import User
from accounts.stages import PolicyStage
from accounts.views.common import STASH, capture_page, posted_attempt, slow_down
from liveness.models import Attempt
from liveness.services import truncate_address


@never_cache
@require_http_methods(["GET", "POST"])
def ask_name(request: HttpRequest) -> HttpResponse:
    target = request.POST.get("next") or request.GET.get("next") or ""
    if request.user.is_authenticated:
        return HttpResponseRedirect(_safe(request, target))
    form = NameForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        name = names.canonical(form.cleaned_data["username"])
        request.session[STASH] = {"name": name, "next": target}
        return redirect("accounts:signin_capture")
    return render(request, "accounts/signin.html", {"form": form, "next": target})


@never_cache
@require_GET
def capture(request: HttpRequest) -> HttpResponse:
    name = _stash(request).get("name")
    if request.user.is_authenticated or not name:
        return redirect("accounts:signin_face")
    user, device = names.find_user(name), devices.device(request)
    network = truncate_address(client_address(request))
    payer = budgets.subjects(user=user, name=name, device=device, network=network)
    try:
        budgets.check(payer)
    except budgets.Exhausted as error:
        return slow_down(request, seconds=error.seconds, template="accounts/throttled.html")
    response = capture_page(
        request, purpose=Attempt.Purpose.SIGNIN, claimed=name, user=user, payer=payer
    )
    devices.remember(response, device)
    return response


@never_cache
@require_POST
def finish(request: HttpRequest) -> HttpResponse:
    target = _stash(request).get("next", "")
    attempt = posted_attempt(request)
    user = authenticate(request, face_attempt=attempt)
    if user is None:
        return render(request, "accounts/signin_refused.html", {"next": target}, status=403)
    assert isinstance(user, User)  # noqa: S101  (narrows the type; there is no other model of users)
    if policies.skipped_the_colours(attempt) and not policies.has_second_factor(user):
        context = {"skipped": True, "password": user.has_usable_password()}
        return render(request, "accounts/second_factor_missing.html", context, status=403)
    request.session.pop(STASH, None)
    record_authentication(request, user, "face")
    waiting = LoginStageController.enter(request, PolicyStage.key)
    if waiting is not None and waiting.login.user == user:
        return resume_login(request, waiting.login)
    return perform_login(request, user, redirect_url=_safe(request, target))


def _stash(request: HttpRequest) -> dict[str, Any]:
    return dict(request.session.get(STASH) or {})


def _safe(request: HttpRequest, target: str) -> str:
    """``target`` if it stays on this site, the account page otherwise."""
    stays = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if stays else resolve_url("accounts:overview")
