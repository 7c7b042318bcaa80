"""What the person agreed to, purpose by purpose, on one page: given and taken back with one click each."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import consent, erasure, ledger, services
from accounts.consent import Purpose
from accounts.models import Consent, User
from accounts.views.account import MODELS_STAY
from accounts.views.common import person, session_key

GIVEN = {
    Purpose.SIGNIN: _("Thank you. You can set up your face now."),
    Purpose.EVIDENCE: _(
        "Thank you. Pictures of attempts that do not succeed are kept from now on."
    ),
    Purpose.TRAINING: _("Thank you. Kept pictures may help the check to learn."),
}
TAKEN_BACK = {
    Purpose.SIGNIN: _("Taken back. Your face was erased; your password signs you in."),
    Purpose.EVIDENCE: _(
        "Taken back. Every picture of your attempts was erased, also copies for training."
    ),
    Purpose.TRAINING: _("Taken back. The copies for training were erased."),
}


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def consents(request: HttpRequest) -> HttpResponse:
    """POST: ``purpose``, and ``answer`` yes or no."""
    user = person(request)
    if request.method == "POST":
        _answer(request, user)
        return redirect("accounts:consents")
    given = ledger.in_force(user)
    context = {
        "answers": [(text, *_given(text, given.get(text.purpose))) for text in consent.texts()],
        "any": bool(given),
        "face": user.has_face,
        "learned": erasure.learned_from(user),
        "models_stay": MODELS_STAY,
        "ledger": Consent.objects.filter(user=user),
    }
    return render(request, "accounts/consents.html", context)


def _given(text: consent.Text, found: Consent | None) -> tuple[Consent | None, bool]:
    """The consent to a text, and whether it is one to today's words."""
    return found, found is not None and consent.is_of_today(text.purpose, found.digest)


def _answer(request: HttpRequest, user: User) -> None:
    try:
        purpose = Purpose(request.POST.get("purpose", ""))
    except ValueError:
        return
    if request.POST.get("answer") == "yes":
        services.agree(user=user, purpose=purpose)
        messages.success(request, GIVEN[purpose])
    elif request.POST.get("answer") == "no":
        services.take_back(user=user, purpose=purpose, keep=session_key(request))
        messages.success(request, TAKEN_BACK[purpose])
