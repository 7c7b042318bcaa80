"""The pages on which staff make webhooks, see what became of each event, and send one again."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.step_up import fresh_factor
from accounts.views.common import person
from api import webhooks
from api.events import send_after_commit
from api.forms import WebhookForm
from api.models import Webhook
from api.views import staff_with
from api.webhooks import WebhookError

keepers_only = staff_with("api.add_webhook")

_A_PAGE = 25


@keepers_only
@require_http_methods(["GET", "POST"])
@fresh_factor
def all_webhooks(request: HttpRequest) -> HttpResponse:
    """One's webhooks, and the form for another. The secret of a new one is on this one answer alone."""
    owner = person(request)
    form, shown = WebhookForm(owner, request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        try:
            _, shown = webhooks.create_webhook(owner=owner, **form.cleaned_data)
            form = WebhookForm(owner)
        except WebhookError as error:
            form.add_error(error.field, str(error))
    context = {"form": form, "shown": shown, "hooks": _visible(request)}
    return render(request, "api/webhooks.html", context)


@keepers_only
@require_GET
def webhook(request: HttpRequest, pk: Any) -> HttpResponse:
    """One webhook with its log."""
    hook = get_object_or_404(_visible(request), pk=pk)
    return _page(request, hook, "")


@keepers_only
@require_POST
@fresh_factor
def renew(request: HttpRequest, pk: Any) -> HttpResponse:
    """Another secret, on this one answer alone."""
    hook = get_object_or_404(_visible(request), pk=pk)
    return _page(request, hook, webhooks.renew_secret(hook=hook, by=person(request)))


@keepers_only
@require_POST
def change(request: HttpRequest, pk: Any, step: str) -> HttpResponse:
    """test, disable, enable or delete."""
    hook = get_object_or_404(_visible(request), pk=pk)
    if step not in _STEPS:
        raise Http404
    try:
        messages.success(request, _STEPS[step](request, hook))
    except WebhookError as error:
        messages.error(request, str(error))
    return redirect("api:webhooks") if hook.pk is None else redirect("api:webhook", pk)


@keepers_only
@require_POST
def resend(request: HttpRequest, pk: Any, number: int) -> HttpResponse:
    """Send one event again."""
    hook = get_object_or_404(_visible(request), pk=pk)
    delivery = get_object_or_404(hook.deliveries.select_related("event", "webhook"), pk=number)
    try:
        webhooks.resend(delivery=delivery)
        send_after_commit([delivery])
        messages.success(
            request, gettext("The event is on its way again. Reload to see the answer.")
        )
    except WebhookError as error:
        messages.error(request, str(error))
    return redirect("api:webhook", pk)


def _test(request: HttpRequest, hook: Webhook) -> str:
    send_after_commit([webhooks.emit_test(hook=hook)])
    return gettext("A test event is on its way. Reload to see the answer.")


def _disable(request: HttpRequest, hook: Webhook) -> str:
    webhooks.disable(hook=hook, why=webhooks.Why.HAND, by=person(request))
    return gettext("The webhook is switched off. What waits is kept.")


def _enable(request: HttpRequest, hook: Webhook) -> str:
    webhooks.enable(hook=hook, by=person(request))
    return gettext("The webhook is switched on, and what waited is sent.")


def _delete(request: HttpRequest, hook: Webhook) -> str:
    webhooks.delete(hook=hook, by=person(request))
    return gettext("The webhook and its log are deleted.")


_STEPS = {"test": _test, "disable": _disable, "enable": _enable, "delete": _delete}


def _page(request: HttpRequest, hook: Webhook, shown: str) -> HttpResponse:
    rows = hook.deliveries.select_related("event").prefetch_related("log")
    page = Paginator(rows, _A_PAGE).get_page(request.GET.get("page"))
    kinds = [str(webhooks.EVENTS[kind].words) for kind in hook.events]
    context = {"hook": hook, "page": page, "kinds": kinds, "shown": shown}
    return render(request, "api/webhook.html", context)


def _visible(request: HttpRequest) -> Any:
    return Webhook.objects.filter(owner=person(request))
