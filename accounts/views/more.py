"""One factor was right and another is needed: before the sign-in is complete, and in a session that lacks one."""

from allauth.account.adapter import get_adapter
from allauth.account.internal.decorators import login_stage_required
from allauth.account.internal.flows.login import record_authentication, resume_login
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts import policies
from accounts.forms import PasswordForm
from accounts.policies import Factor, Step
from accounts.stages import PolicyStage
from accounts.views.common import expect_face, person


@sensitive_post_parameters("password")
@login_stage_required(stage=PolicyStage.key, redirect_urlname="account_login")
@require_http_methods(["GET", "POST"])
def more(request: HttpRequest) -> HttpResponse:
    """The password after the face, or the way to the camera after the password."""
    stage: PolicyStage = request._login_stage  # type: ignore[attr-defined]
    if stage.step() == Step.PASSWORD:
        return _password(request, stage)
    if stage.step() == Step.FACE:
        expect_face(request, stage.login.user, stage.login.redirect_url)
        return render(request, "accounts/signin_also_face.html")
    return resume_login(request, stage.login)


@never_cache
@login_required
@require_safe
def step(request: HttpRequest) -> HttpResponse:
    """What this session lacks, and how to give it."""
    user = person(request)
    missing = policies.unmet(request.session, user)
    lacks_second = Factor.SECOND not in policies.given(request.session, user)
    wanted = policies.staff_pages_need_second_factor() and user.is_staff and lacks_second
    if missing is None and not wanted:
        return redirect("accounts:overview")
    context = {
        "missing": missing or Step.SET_UP,
        "rule": policies.rule_for(user),
        "proofs": get_adapter().get_reauthentication_methods(user),
        "second_factor": policies.has_second_factor(user),
        "for_staff": missing is None,
    }
    return render(request, "accounts/step.html", context)


def _password(request: HttpRequest, stage: PolicyStage) -> HttpResponse:
    form = PasswordForm(request.POST or None, request=request, user=stage.login.user)
    if request.method == "POST" and form.is_valid():
        record_authentication(request, stage.login.user, "password")
        return resume_login(request, stage.login)
    return render(request, "accounts/signin_also_password.html", {"form": form})
