from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from liveness import drift, drift_watch, tasks
from liveness.models import Attempt, DriftReference, DriftReport, ModelVersion
from liveness.tests.drifting import active_model, attempts
from liveness.tests.fakes import FakeEngine, ended_attempt, live

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small_reference(settings: Settings) -> None:
    settings.LIVEGATE_DRIFT_REFERENCE = 60
    settings.LIVEGATE_ALARM_EMAILS = ["olga@example.org"]


@pytest.fixture
def darkened() -> ModelVersion:
    """A site whose light went out two days ago."""
    model = active_model()
    attempts(60, days_ago=39)
    attempts(60, days_ago=2, light=50)
    return model


def _watch(in_days: float = 0) -> DriftReport:
    row = drift_watch.watch(timezone.now() + timedelta(days=in_days))
    assert row is not None
    return row


class BrokenMail:
    """A mail server that cannot be reached."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise OSError("connection refused")


def test_without_a_model_nothing_is_watched() -> None:
    assert drift_watch.watch() is None
    tasks.watch_drift()


def test_the_daily_report_is_kept_without_people(darkened: ModelVersion) -> None:
    row = _watch()
    assert (row.model, row.data["current"]["n"]) == (darkened, 60)
    assert row.data["measures"][0]["measure"] == "light"
    assert set(row.data) == {
        "created", "days", "model", "reference", "current", "measures", "cameras"
    }  # fmt: skip


def test_what_newly_drifted_is_mailed_with_words_and_a_way(
    darkened: ModelVersion, settings: Settings
) -> None:
    _watch()
    (letter,) = mail.outbox
    assert letter.to == ["olga@example.org"]
    assert letter.subject == "Livegate: light on the face drifted"
    assert "has a lamp failed" in letter.body
    assert f"{settings.SITE_URL}/review/drift/" in letter.body


def test_the_alarm_goes_out_once(darkened: ModelVersion) -> None:
    for day in (0, 0, 1, 2):
        row = _watch(day)
        assert row.told == ["light"]
    assert len(mail.outbox) == 1
    assert DriftReport.objects.count() == 3


def test_it_goes_out_again_after_the_measure_was_steady(darkened: ModelVersion) -> None:
    _watch()
    Attempt.objects.filter(created__gt=timezone.now() - timedelta(days=5)).delete()
    attempts(60, days_ago=1, seed=9)
    assert _watch(1).told == []
    Attempt.objects.filter(created__gt=timezone.now() - timedelta(days=5)).delete()
    attempts(60, days_ago=1, light=50)
    assert _watch(2).told == ["light"]
    assert len(mail.outbox) == 2


def test_a_quiet_week_is_no_reason_to_tell_again(darkened: ModelVersion) -> None:
    _watch()
    assert _watch(9).data["current"]["n"] == 0
    attempts(60, days_ago=-9, light=50)
    assert _watch(10).told == ["light"]
    assert len(mail.outbox) == 1


def test_another_measure_is_told_of_by_itself(darkened: ModelVersion) -> None:
    _watch()
    attempts(200, days_ago=1, light=50, face=0.7)
    assert sorted(_watch(1).told) == ["face", "light"]
    assert [letter.subject for letter in mail.outbox][1] == "Livegate: face size drifted"


def test_a_mail_server_that_is_down_stops_nothing_and_is_tried_again(
    darkened: ModelVersion, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    works = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.BrokenMail"
    assert _watch().told == []
    assert "could not be mailed" in caplog.text
    settings.EMAIL_BACKEND = works
    assert _watch().told == ["light"]
    assert len(mail.outbox) == 1


def test_two_workers_at_once_send_one_alarm(darkened: ModelVersion) -> None:
    report = drift.report()
    row = DriftReport.objects.create(model=darkened, day=timezone.localdate(report.created))
    other = DriftReport.objects.get(pk=row.pk)
    drift_watch._alarm(row, report)
    drift_watch._alarm(other, report)
    assert len(mail.outbox) == 1


def test_an_alarm_that_was_cut_off_goes_out_the_next_day(darkened: ModelVersion) -> None:
    report = drift.report()
    day = timezone.localdate(report.created)
    DriftReport.objects.create(model=darkened, day=day, alarmed=report.created)
    _watch()
    assert not mail.outbox
    assert _watch(1).told == ["light"]


def test_administrators_are_told_when_nobody_else_is_named(
    darkened: ModelVersion, settings: Settings
) -> None:
    settings.LIVEGATE_ALARM_EMAILS = []
    settings.ADMINS = [("Ann", "ann@example.org")]
    _watch()
    assert mail.outbox[0].to == ["ann@example.org"]


def test_with_nobody_to_tell_the_log_has_to_do(
    darkened: ModelVersion, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.LIVEGATE_ALARM_EMAILS = []
    assert _watch().told == ["light"]
    assert "newly drifted: light on the face" in caplog.text
    assert "LIVEGATE_ALARM_EMAILS" in caplog.text
    assert not mail.outbox


def test_too_few_attempts_are_no_alarm() -> None:
    active_model()
    attempts(60, days_ago=39)
    attempts(49, days_ago=2, light=50)
    assert _watch().told == []
    assert not mail.outbox


def test_the_reference_is_frozen_and_outlives_its_attempts(darkened: ModelVersion) -> None:
    _watch()
    Attempt.objects.filter(created__lt=timezone.now() - timedelta(days=9)).delete()
    report = drift.report()
    assert report.reference is not None
    assert (report.reference.sample.n, report.drifted) == (60, ["light"])


def test_the_reference_is_frozen_once(darkened: ModelVersion) -> None:
    report = drift.report()
    assert drift_watch.freeze(report)
    assert not drift_watch.freeze(report)
    assert not drift_watch.freeze(drift.report())
    assert DriftReference.objects.count() == 1


def test_a_growing_reference_is_not_frozen() -> None:
    active_model()
    attempts(59, days_ago=3)
    _watch()
    assert not DriftReference.objects.exists()


def test_a_model_that_is_promoted_again_keeps_its_reference(darkened: ModelVersion) -> None:
    _watch()
    ModelVersion.objects.filter(pk=darkened.pk).update(promoted=timezone.now())
    assert drift.report().drifted == ["light"]


def test_a_new_reference_silences_the_alarm_until_something_else_changes(
    darkened: ModelVersion, reviewer: Any
) -> None:
    _watch()
    row = drift_watch.begin_reference(by=reviewer)
    assert (row.model, row.started_by) == (darkened, reviewer)
    assert drift.report().drifted == []
    attempts(60, days_ago=-1, light=50)
    attempts(60, days_ago=-3, light=120)
    assert _watch(4).told == ["light"]
    assert len(mail.outbox) == 2


def test_without_a_model_no_reference_can_begin() -> None:
    with pytest.raises(LookupError):
        drift_watch.begin_reference()


def test_reports_go_after_a_year(darkened: ModelVersion) -> None:
    _watch()
    _watch(364)
    assert DriftReport.objects.count() == 2
    _watch(366)
    assert DriftReport.objects.count() == 2


def test_the_task_is_on_the_clock(settings: Settings) -> None:
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert tasks.watch_drift.name in scheduled


def test_without_a_scheduler_visitors_drive_the_report(settings: Settings) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = True
    active_model()
    ended_attempt(FakeEngine(live()))
    tasks.purge_if_due()
    tasks.purge_if_due()
    assert DriftReport.objects.count() == 1
