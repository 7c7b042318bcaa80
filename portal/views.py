"""The home page and what probes ask."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.translation import check_for_language
from django.views import i18n
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import services as accounts
from accounts import setup
from liveness import draining, runtime
from portal import doctor


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "home.html", {"unattended": setup.is_needed()})


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Keep the language that was chosen in a cookie and, for mails, with the account; go back to ``next``."""
    chosen = request.POST.get("language", "")
    if request.user.is_authenticated and check_for_language(chosen):
        accounts.speak(user=request.user, language=chosen)
    return i18n.set_language(request)


@require_safe
def script_words(request: HttpRequest) -> HttpResponseBase:
    """The words of the pages' scripts in the language of the page."""
    return i18n.JavaScriptCatalog.as_view(packages=["portal"])(request)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while this process answers at all. Restart it when it does not; ``readyz`` says whether it can serve."""
    return JsonResponse({"ok": True})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 while this process can take an attempt, otherwise 503 with the parts that fail.

    A broker that is away is named and does not make it unready: faces are judged and matched without one, and every
    portal of the site would be taken out at once.
    ``model``: current, loading, behind (the new model failed here and the old one serves) or none.
    """
    parts = doctor.ready() | {"taking attempts": not draining.begun()}
    able = all(fine for part, fine in parts.items() if part != "broker")
    named = {part: "ok" if fine else "failing" for part, fine in parts.items()}
    body = {"ok": able, **named, "model": runtime.model_state()}
    return JsonResponse(body, status=200 if able else 503)
