"""The drift page: every measure of the last days against the reference period, and the way to begin that anew."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from liveness import drift, drift_charts, drift_watch, drift_words
from liveness.drift import CameraPart, CameraRow, Finding, Level, Report
from liveness.models import DriftReport
from liveness.views import reviewers_only

_HISTORY = 30


@reviewers_only
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """``?days=`` compares another number of days; what makes no sense falls back to the setting."""
    report = _report(request.GET.get("days", ""))
    reports = DriftReport.objects.filter(model=report.model)
    context = {
        "report": report,
        "reference": report.reference,
        "too_few": drift_words.too_few(report),
        "cards": [_card(item, report) for item in report.findings],
        "cameras": [_camera(row, report) for row in report.cameras()],
        "history": [_day(row) for row in reports[:_HISTORY]],
        "may_begin": request.user.has_perm("liveness.promote_model"),
    }
    return render(request, "liveness/drift.html", context)


@reviewers_only
@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Begin a new reference period; for those who may promote a model, because it silences the alarm."""
    if not request.user.has_perm("liveness.promote_model"):
        raise PermissionDenied
    try:
        by: Any = request.user
        drift_watch.begin_reference(by=by)
    except LookupError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("A new reference period begins with the next attempt."))
    return redirect("liveness:drift")


def _report(days: str) -> Report:
    try:
        return drift.report(int(days)) if days else drift.report()
    except ValueError:
        return drift.report()


def _card(finding: Finding, report: Report) -> dict[str, Any]:
    shifted = finding.level in (Level.WATCH, Level.DRIFTED)
    measure = finding.measure
    return {
        "finding": finding,
        "name": drift_words.NAMES[measure],
        "meaning": drift_words.MEANINGS[measure],
        "level": drift_words.LEVELS[finding.level],
        "sentence": drift_words.sentence(finding),
        "advice": drift_words.advice(measure) if shifted else "",
        "queues": drift_words.queues(measure, report) if shifted else [],
        "chart": drift_charts.draw(measure, report),
        "upright": measure in drift.NUMBERS,
    }


def _camera(row: CameraRow, report: Report) -> dict[str, Any]:
    before = report.reference.sample.mix("camera") if report.reference else {}
    now = report.current.mix("camera")
    named = row.name != drift.OTHER_CAMERAS
    return {
        "name": row.name,
        "query": drift_words.camera_query(row.name) if named else "",
        "periods": [
            _period(row.reference, sum(before.values())),
            _period(row.current, sum(now.values())),
        ],
    }


def _period(part: CameraPart | None, total: int) -> dict[str, Any]:
    if part is None:
        return {"n": 0}
    shares = {name: 100 * part.outcomes.get(name, 0) / part.n for name in ("refused", "abstained")}
    return {"n": part.n, "share": 100 * part.n / total, "score": part.score, **shares}


def _day(row: DriftReport) -> dict[str, Any]:
    levels = {item["measure"]: item["level"] for item in row.data.get("measures", [])}
    names = {
        level: [_named(name) for name in levels if levels[name] == level]
        for level in (Level.DRIFTED, Level.WATCH)
    }
    return {
        "day": row.day,
        "drifted": ", ".join(names[Level.DRIFTED]),
        "watch": ", ".join(names[Level.WATCH]),
        "current": row.data.get("current", {}).get("n", 0),
        "told": ", ".join(_named(name) for name in row.told),
        "compared": any(level != Level.TOO_FEW for level in levels.values()),
    }


def _named(measure: str) -> str:
    return str(drift_words.NAMES.get(measure, measure))
