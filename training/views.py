"""Training runs in the browser: the list, a new one with its preview, and one in full while it runs."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from training import (
    charts,
    datasets,
    facts,
    forms,
    lineage,
    origins,
    plans,
    recipes,
    services,
    tasks,
)
from training.models import TrainingRun

_PAGE = 20
View = Callable[..., HttpResponse]


def allowed(check: Callable[[Any], bool]) -> Callable[[View], View]:
    """Strangers are sent to sign in, everybody else whom ``check`` refuses gets 403; nothing is cached."""

    def decorate(view: View) -> View:
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not check(request.user):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return never_cache(login_required(checked))

    return decorate


@allowed(facts.may_watch)
@require_safe
def runs(request: HttpRequest) -> HttpResponse:
    rows = TrainingRun.objects.select_related("requested_by").defer("log", "history", "result")
    page = Paginator(rows, _PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "pages": page.paginator.get_elided_page_range(page.number),
        "may_start": facts.may_start(request.user),
        "new_labels": plans.new_labels(),
        "after": settings.LIVEGATE_RETRAIN_AFTER,
    }
    return render(request, "training/runs.html", context)


@allowed(facts.may_start)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """GET: the form. POST: its preview; with ``change`` in it the form again, with ``start`` the run itself."""
    data = request.POST if request.method == "POST" else None
    form = forms.PlanForm(data, user=request.user, initial=forms.initial())
    asked = data is None or "change" in data
    if data is None or asked or not form.is_valid():
        status = 200 if asked else 422
        return render(request, "training/new_run.html", _new_context(form), status=status)
    if "start" in data:
        return _start(request, form)
    return _preview(request, form)


@allowed(facts.may_watch)
@require_safe
def run(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(TrainingRun.objects.select_related("requested_by", "model"), pk=pk)
    chart = charts.loss_over_epochs(found.history)
    context = {
        "run": found,
        "live": facts.live(found),
        "recipe": recipes.RECIPES.get(found.recipe),
        "chart": chart,
        "figures": found.result.get("figures", {}).get("calibration") or {},
        "people": lineage.people(found),
        "may_cancel": facts.may_start(request.user),
        "by_hand": settings.CELERY_TASK_ALWAYS_EAGER,
    }
    return render(request, "training/run.html", context)


@allowed(facts.may_start)
@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(TrainingRun, pk=pk)
    try:
        services.cancel_run(pk)
    except services.RunStateError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, gettext("The run is cancelled. Its training stops within seconds.")
        )
    return redirect(found)


def _start(request: HttpRequest, form: forms.PlanForm) -> HttpResponse:
    try:
        with transaction.atomic():
            made = plans.start(form.plan(), by=request.user)
            transaction.on_commit(partial(tasks.enqueue, made.pk))
    except services.RequestError as error:
        form.add_error(None, str(error))
        return render(request, "training/new_run.html", _new_context(form), status=422)
    if not settings.CELERY_TASK_ALWAYS_EAGER:  # else the page says how to start it
        messages.success(
            request, gettext("The run is queued. A training worker takes it as soon as it can.")
        )
    return redirect(made)


def _preview(request: HttpRequest, form: forms.PlanForm) -> HttpResponse:
    seen = plans.preview(form.plan())
    context = {
        "seen": seen,
        "recipe": recipes.RECIPES[seen.plan.recipe],
        "fields": forms.as_data(form),
        "species": sorted({name for row in seen.rows for name in row.attacks}),
    }
    return render(request, "training/preview.html", context)


def _new_context(form: forms.PlanForm) -> dict[str, Any]:
    return {
        "form": form,
        "sets": datasets.registered(),
        "recipes": recipes.RECIPES,
        "start": origins.serving_weights(),
    }
