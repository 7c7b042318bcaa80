"""The page behind the link of a mail: was this you? Opening it changes nothing."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import notices
from accounts.models import FailureNotice


@never_cache
@require_http_methods(["GET", "POST"])
def notice(request: HttpRequest, token: str) -> HttpResponse:
    """No sign-in is needed: whoever reads the owner's mail can only make the account safer."""
    try:
        found = notices.read(token)
    except notices.NoticeError:
        return render(request, "accounts/notice_gone.html", status=404)
    answer = request.POST.get("answer")
    if request.method == "POST" and answer in FailureNotice.Answer.values:
        return _answered(request, found, FailureNotice.Answer(answer))
    return render(request, "accounts/notice.html", {"notice": found})


def _answered(
    request: HttpRequest, notice: FailureNotice, answer: FailureNotice.Answer
) -> HttpResponse:
    if not notices.answer(notice, answer):
        messages.info(request, gettext("This was answered already."))
    elif answer == FailureNotice.Answer.ME:
        messages.success(request, gettext("Thank you. Nothing was changed."))
    else:
        messages.warning(
            request,
            gettext("Your face signs nobody in until you have chosen a new password. Do it now."),
        )
        signed_in = request.user.is_authenticated
        return redirect("account_change_password" if signed_in else "account_reset_password")
    return redirect("home")
