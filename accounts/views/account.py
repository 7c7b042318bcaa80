"""The account page, and every way to take data along or have it erased."""

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import audit, history, policies, services
from accounts.forms import DeleteAccountForm, TrainingForm
from accounts.models import FaceTemplate
from accounts.views.common import password_first, person


@never_cache
@login_required
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    user = person(request)
    consent = services.consent_of(user)
    context = {
        "face": FaceTemplate.objects.filter(user=user).first(),
        "consent": consent,
        "training_form": TrainingForm(initial={"training": bool(consent and consent.training)}),
        "history": history.recent(user),
        "second_factor": policies.has_second_factor(user),
        "second_factor_needed": policies.needs_second_factor(user),
    }
    return render(request, "accounts/overview.html", context)


@login_required
@require_POST
def set_training(request: HttpRequest) -> HttpResponse:
    form = TrainingForm(request.POST)
    form.full_clean()
    try:
        services.set_training(user=person(request), training=form.cleaned_data["training"])
        messages.success(request, "Your choice about training was saved.")
    except services.ConsentMissing:
        messages.error(request, "There is no consent to change.")
    return redirect("accounts:overview")


@login_required
@require_http_methods(["GET", "POST"])
def delete_face(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        services.delete_face(user=person(request))
        messages.success(request, "Your face was deleted. Your password still signs you in.")
        return redirect("accounts:overview")
    return render(request, "accounts/delete_face.html")


@login_required
@require_http_methods(["GET", "POST"])
def withdraw_consent(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        services.withdraw_consent(user=person(request))
        messages.success(request, "Your consent was withdrawn and all data about your face erased.")
        return redirect("accounts:overview")
    return render(request, "accounts/withdraw_consent.html")


@never_cache
@login_required
@require_safe
def export(request: HttpRequest) -> JsonResponse:
    user = person(request)
    audit.accepted("data_exported", user=user.pk)
    response = JsonResponse(history.export(user), json_dumps_params={"indent": 2})
    response["Content-Disposition"] = 'attachment; filename="livegate-data.json"'
    return response


@login_required
@require_http_methods(["GET", "POST"])
@password_first
def delete_account(request: HttpRequest) -> HttpResponse:
    user = person(request)
    form = DeleteAccountForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        logout(request)
        services.delete_account(user=user)
        messages.success(request, "Your account and everything in it were deleted. Farewell.")
        return redirect("home")
    return render(request, "accounts/delete_account.html", {"form": form})
