"""The account page, and every way to take data along or have it erased."""

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import archive, audit, consent, erasure, history, holdings, ledger, policies, services
from accounts.consent import Purpose
from accounts.forms import DeleteAccountForm
from accounts.models import FaceTemplate
from accounts.step_up import fresh_factor
from accounts.views.common import person, session_key
from liveness import runtime

MODELS_STAY = _(
    "They hold no pictures, but they cannot forget; the people who run this site can see that one of theirs was erased."
)


@never_cache
@login_required
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    user = person(request)
    given = ledger.in_force(user)
    context = {
        "face": FaceTemplate.objects.filter(user=user).first(),
        "consent": given.get(Purpose.SIGNIN),
        "answers": [(text, given.get(text.purpose)) for text in consent.texts()],
        "history": history.recent(user),
        "second_factor": policies.has_second_factor(user),
        "rule": policies.rule_for(user),
    }
    return render(request, "accounts/overview.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def delete_face(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        services.delete_face(user=person(request), keep=session_key(request))
        messages.success(
            request, gettext("Your face was deleted. Your password still signs you in.")
        )
        return redirect("accounts:overview")
    return render(request, "accounts/delete_face.html")


@login_required
@require_http_methods(["GET", "POST"])
def withdraw_consent(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        services.withdraw_consent(user=person(request), keep=session_key(request))
        messages.success(
            request, gettext("You agreed to nothing any more; all data about your face was erased.")
        )
        return redirect("accounts:consents")
    return render(request, "accounts/withdraw_consent.html")


@never_cache
@login_required
@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """Everything as a ZIP. Pictures are compared with the person's face, which needs a free moment."""
    user = person(request)
    try:
        content = archive.build(user)
    except (runtime.Busy, runtime.EngineUnavailable):
        messages.error(
            request, gettext("Your data cannot be put together right now. Try again in a minute.")
        )
        return redirect("accounts:data")
    audit.accepted("data_exported", user=user.pk)
    response = HttpResponse(content, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{archive.NAME}"'
    return response


@never_cache
@login_required
@require_safe
def data(request: HttpRequest) -> HttpResponse:
    """What is held, and until when."""
    user = person(request)
    context = {
        "items": holdings.items(user),
        "elsewhere": holdings.elsewhere(user),
        "learned": erasure.learned_from(user),
        "models_stay": MODELS_STAY,
    }
    return render(request, "accounts/data.html", context)


@login_required
@require_http_methods(["GET", "POST"])
@fresh_factor
def delete_account(request: HttpRequest) -> HttpResponse:
    user = person(request)
    form = DeleteAccountForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        logout(request)
        learned = services.delete_account(user=user)
        messages.success(
            request, gettext("Your account and everything in it were deleted. Farewell.")
        )
        if learned:
            messages.info(
                request,
                f"Networks that had learned from your pictures: {', '.join(learned)}. {MODELS_STAY}",
            )
        return redirect("home")
    context = {"form": form, "learned": erasure.learned_from(user), "models_stay": MODELS_STAY}
    return render(request, "accounts/delete_account.html", context)
