"""Registering a face: consent first, then the camera, then done."""

from allauth.account.internal.flows.login import record_authentication
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import audit, consent, services
from accounts.forms import ConsentForm
from accounts.step_up import fresh_factor
from accounts.views.common import capture_page, person, posted_attempt, session_key
from liveness.models import Attempt
from liveness.services import ClaimError

FACE_IN_USE = _(
    "Your face was not set up: here each face opens one account. If you have another account, sign in there, or ask "
    "the people who run this site."
)


@login_required
@require_http_methods(["GET", "POST"])
def ask_consent(request: HttpRequest) -> HttpResponse:
    form = ConsentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.give_consent(
            user=person(request),
            evidence=form.cleaned_data["evidence"],
            training=form.cleaned_data["training"],
        )
        return redirect("accounts:enrol_capture")
    context = {"form": form, "texts": consent.texts()}
    return render(request, "accounts/consent.html", context)


@never_cache
@login_required
@require_GET
@fresh_factor
def capture(request: HttpRequest) -> HttpResponse:
    user = person(request)
    given = services.consent_of(user)
    if given is None or given.version != consent.text(given.purpose).version:
        return redirect("accounts:consent")
    return capture_page(
        request, purpose=Attempt.Purpose.ENROL, claimed=user.get_username(), user=user
    )


@login_required
@require_POST
def finish(request: HttpRequest) -> HttpResponse:
    attempt = posted_attempt(request)
    user = person(request)
    try:
        if attempt is None:
            raise ClaimError("unknown_attempt")
        services.enrol(user=user, attempt_id=attempt, session_key=session_key(request))
    except services.ConsentMissing:
        return redirect("accounts:consent")
    except services.FaceInUse:
        audit.refused("face_in_use", user=user.pk, attempt=str(attempt))
        messages.error(request, FACE_IN_USE)
        return redirect("accounts:overview")
    except (ClaimError, services.NotYours):
        audit.refused("enrolment_refused", user=user.pk, attempt=str(attempt))
        messages.error(
            request, gettext("Your face was not set up: that attempt can no longer be used.")
        )
        return redirect("accounts:overview")
    record_authentication(request, user, "face")
    return redirect("accounts:enrolled")


@login_required
@require_GET
def enrolled(request: HttpRequest) -> HttpResponse:
    if not person(request).has_face:
        return redirect("accounts:overview")
    return render(request, "accounts/enrolled.html")
