"""The review queue, one attempt in full, its pictures, and the label."""

from collections.abc import Callable
from itertools import chain
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from liveness import charts, evidence, reviewing, runtime, words
from liveness import queue as line
from liveness.crypto import SealError
from liveness.engine import bundle as bundles
from liveness.engine import exhibits
from liveness.engine.crops import Box, CropError, CropSpec
from liveness.engine.frames import FrameError
from liveness.models import Attempt, Evidence, Review

_PAGE = 24
_KEYS = {"live": "L", "print": "P", "screen": "S", "mask": "M", "unusable": "U"}
View = Callable[..., HttpResponse]


def reviewers_only(view: View) -> View:
    """Strangers are sent to sign in, everybody else without the permission gets 403; nothing is cached."""

    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not reviewing.may_review(request.user):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return never_cache(login_required(checked))


@reviewers_only
@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    filters = line.Filters.read(request.GET)
    rows = line.with_evidence(line.find(filters, _user(request))).defer("frames", "secret")
    page = Paginator(rows, _PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "pages": page.paginator.get_elided_page_range(page.number),
        "rows": [_row(attempt) for attempt in page],
        "form": line.FilterForm(initial=vars(filters)),
        "query": filters.query(),
        "counts": line.counts(),
        "progress": line.progress(filters, _user(request)),
        "last": _last_label(request),
        "filtered": bool(filters.as_dict()),
    }
    return render(request, "liveness/queue.html", context)


@reviewers_only
@require_safe
def attempt(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = get_object_or_404(Attempt.objects.select_related("user", "model"), pk=pk)
    filters, user = line.Filters.read(request.GET), _user(request)
    kept = list(found.evidence.defer("jpeg").order_by("at"))
    trail = list(reviewing.visible(found, user))
    why_unusable = reviewing.why_unusable(found) if found.closed else ""
    context = {
        "attempt": found,
        "reason": words.reason(found.reason),
        "told": words.told(found),
        "colours": words.colours(found.flash),
        "chart": charts.scores_over_time(found.frames, found.threshold),
        "frames": [_frame_in_words(frame) for frame in found.frames],
        "played": [_played(item, found) for item in kept if item.kind == Evidence.Kind.SEQUENCE],
        "exhibits": [
            _exhibit(item, found)
            for item in sorted(kept, key=lambda item: item.kind, reverse=True)
            if item.kind in Evidence.FULL_SIZE
        ],
        "labels": _labels(only_unusable=bool(why_unusable)),
        "why_unusable": why_unusable,
        "given": reviewing.opinion(found, user) or found.label,
        "reviews": trail,
        "hidden": found.reviews.count() - len(trail),
        "needed": settings.LIVEGATE_REVIEWERS_NEEDED,
        "neighbours": line.neighbours(filters, pk, user),
        "progress": line.progress(filters, user),
        "last": _last_label(request),
        "query": filters.query(),
    }
    return render(request, "liveness/attempt.html", context)


@reviewers_only
@require_POST
def label(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Write the label, then go on to the next in the queue the reviewer came from."""
    found = get_object_or_404(Attempt, pk=pk)
    filters = line.Filters.read(request.GET)
    following = line.neighbours(filters, pk, _user(request)).next
    try:
        review = reviewing.review_attempt(
            attempt=found, reviewer=_user(request), label=request.POST.get("label", "")
        )
    except ValueError as error:
        return HttpResponseBadRequest(str(error), content_type="text/plain; charset=utf-8")
    messages.success(request, words.labelled(review, found))
    args = [following] if following else []
    return redirect(
        reverse(f"liveness:{'attempt' if args else 'queue'}", args=args) + filters.query()
    )


@reviewers_only
@require_POST
def undo(request: HttpRequest) -> HttpResponse:
    """Take the reviewer's last label back, and go back to the attempt it was on."""
    query = line.Filters.read(request.GET).query()
    try:
        found = reviewing.undo_review(reviewer=_user(request))
    except reviewing.NothingToUndo as error:
        messages.error(request, str(error))
        return redirect(reverse("liveness:queue") + query)
    messages.success(
        request, gettext("Your last label was taken back. This is the attempt it was on.")
    )
    return redirect(found.get_absolute_url() + query)


@reviewers_only
@require_safe
def frame(request: HttpRequest, pk: UUID, kind: str) -> HttpResponse:
    """The best or the worst frame in full size."""
    _, jpeg = _open_frame(pk, kind)
    return _picture(jpeg, "image/jpeg")


@reviewers_only
@require_safe
def played_frame(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """One small frame of the sequence; ``number`` is its row's key."""
    _, jpeg = _opened(attempt=pk, pk=number, kind=Evidence.Kind.SEQUENCE)
    return _picture(jpeg, "image/jpeg")


@reviewers_only
@require_safe
def crop(request: HttpRequest, pk: UUID, scale: float) -> HttpResponse:
    """What the network saw at one scale; ``?of=best`` for the best frame, otherwise the worst."""
    item, jpeg = _open_frame(pk, _kind(request))
    spec = crop_spec(item.attempt)
    if spec is None or scale not in spec.scales:
        raise Http404
    return _picture(_made(exhibits.crop_png, jpeg, _box(item), scale, spec.size), "image/png")


@reviewers_only
@require_safe
def spectrum(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The spectrum of the face; ``?of=best`` for the best frame, otherwise the worst."""
    item, jpeg = _open_frame(pk, _kind(request))
    return _picture(_made(exhibits.spectrum_png, jpeg, _box(item)), "image/png")


def crop_spec(attempt: Attempt) -> CropSpec | None:
    """How the model that judged this attempt crops; the serving model's way if that is not on record."""
    try:
        if attempt.model is not None:
            return bundles.crop_spec(attempt.model.manifest["preprocessing"])
        return runtime.get_engine()[1].model.bundle.crop
    except (KeyError, ValueError, runtime.EngineUnavailable):
        return None


def _row(attempt: Attempt) -> dict[str, Any]:
    kinds = sorted((item.kind for item in attempt.evidence.all()), reverse=True)
    return {
        "attempt": attempt,
        "reason": words.reason(attempt.reason),
        "risks": words.risks(attempt.risks),
        "thumbnail": kinds[0] if kinds else None,
    }


def _exhibit(item: Evidence, attempt: Attempt) -> dict[str, Any]:
    spec = crop_spec(attempt) if item.box else None
    return {
        "kind": item.kind,
        "name": item.get_kind_display(),
        "at": item.at,
        "p_live": item.p_live,
        "box": item.box,
        "scales": spec.scales if spec else (),
    }


def _played(item: Evidence, attempt: Attempt) -> dict[str, Any]:
    codes = [frame["reasons"] for frame in attempt.frames if frame["at"] == item.at]
    return {
        "words": ", ".join(words.reason(code) for code in chain.from_iterable(codes)),
        "number": item.pk,
        "at": item.at,
        "p_live": item.p_live,
        "x": charts.place(attempt.frames, item.at),
    }


def _labels(only_unusable: bool) -> list[tuple[str, str, str]]:
    """Those that can be given: value, name, key."""
    every = [(value, str(name), _KEYS[value]) for value, name in Attempt.Label.choices if value]
    return every[-1:] if only_unusable else every


def _last_label(request: HttpRequest) -> Review | None:
    """What the reviewer could take back."""
    try:
        return reviewing.last_of(_user(request))
    except reviewing.NothingToUndo:
        return None


def _frame_in_words(frame: dict[str, Any]) -> dict[str, Any]:
    return {**frame, "words": ", ".join(words.reason(code) for code in frame["reasons"])}


def _kind(request: HttpRequest) -> str:
    return request.GET.get("of", Evidence.Kind.WORST)


def _open_frame(pk: UUID, kind: str) -> tuple[Evidence, bytes]:
    if kind not in Evidence.FULL_SIZE:
        raise Http404
    return _opened(attempt=pk, kind=kind)


def _opened(**which: object) -> tuple[Evidence, bytes]:
    item = get_object_or_404(Evidence.objects.select_related("attempt__model"), **which)
    try:
        return item, evidence.open_frame(item)
    except SealError as error:
        raise Http404(gettext("This frame can no longer be opened.")) from error


def _box(item: Evidence) -> Box:
    if item.box is None:
        raise Http404(gettext("There is no face in this frame."))
    return Box(*item.box)


def _made(make: Callable[..., bytes], *args: object) -> bytes:
    try:
        return make(*args)
    except (CropError, FrameError) as error:
        raise Http404(gettext("This picture cannot be made.")) from error


def _picture(data: bytes, kind: str) -> HttpResponse:
    response = HttpResponse(data, content_type=kind)
    response["Cache-Control"] = "no-store, private"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = "inline"
    return response


def _user(request: HttpRequest) -> Any:
    """The signed-in person; ``reviewers_only`` has refused everybody else."""
    return request.user
