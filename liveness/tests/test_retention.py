from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from liveness import reviewing, services, tasks
from liveness.models import Attempt, Evidence, Review
from liveness.signals import attempt_decided
from liveness.tests.fakes import (
    SESSION,
    FakeEngine,
    ended_attempt,
    passed_attempt,
    spoof,
)

pytestmark = pytest.mark.django_db
KEPT = 8
"""Frames of a refused attempt: the worst, the best, and six to play."""


def _refused(days_ago: float = 0) -> Attempt:
    attempt = ended_attempt(FakeEngine([spoof(0.1), spoof(0.2)]))
    _age(attempt, timedelta(days=days_ago))
    return attempt


def _age(attempt: Attempt, by: timedelta) -> None:
    then = timezone.now() - by
    Attempt.objects.filter(pk=attempt.pk).update(created=then, expires=then, claimed_at=then)


def test_fresh_evidence_stays() -> None:
    attempt = _refused()
    assert services.purge() == services.Purged(0, 0, 0)
    assert attempt.evidence.count() == KEPT


def test_evidence_goes_after_its_days_and_the_record_stays() -> None:
    attempt = _refused(days_ago=31)
    assert services.purge().evidence == KEPT
    attempt.refresh_from_db()
    assert len(attempt.frames) == 6


def test_attempts_go_after_their_days() -> None:
    _refused(days_ago=91)
    assert services.purge().attempts == 1
    assert not Attempt.objects.exists()


def test_only_so_many_attempts_keep_evidence_the_newest(settings: Settings) -> None:
    settings.LIVENESS_EVIDENCE_MAX = 2
    attempts = [_refused(days_ago=days) for days in (3, 1, 2, 4)]
    assert services.purge().evidence == 2 * KEPT
    assert [attempt.evidence.exists() for attempt in attempts] == [False, True, True, False]


def test_a_limit_of_none_keeps_no_evidence(settings: Settings) -> None:
    settings.LIVENESS_EVIDENCE_MAX = 0
    _refused()
    assert services.purge().evidence == KEPT


def test_an_unclaimed_embedding_is_erased_with_its_frames() -> None:
    attempt = passed_attempt()
    services.purge(timezone.now() + timedelta(seconds=61))
    attempt.refresh_from_db()
    assert attempt.secret is None
    assert not attempt.evidence.exists()


def test_frames_of_a_claim_that_was_never_answered_are_erased() -> None:
    attempt = passed_attempt()
    services.claim_attempt(attempt_id=attempt.pk, session_key=SESSION, purpose="signin")
    services.purge()
    assert attempt.evidence.exists()
    services.purge(timezone.now() + timedelta(seconds=61))
    assert not attempt.evidence.exists()


def test_attempts_whose_process_died_are_closed() -> None:
    _, ticket = services.open_attempt(purpose="signin", session_key=SESSION)
    running = services.start_attempt(ticket=ticket, session_key=SESSION)
    pending, _ = services.open_attempt(purpose="signin", session_key=SESSION)
    assert services.purge().abandoned == 0
    assert services.purge(timezone.now() + timedelta(minutes=3)).abandoned == 2
    for attempt in (running, pending):
        attempt.refresh_from_db()
        assert attempt.state == Attempt.State.ABANDONED
        assert attempt.closed is not None


def test_an_attempt_whose_process_died_is_closed_as_if_somebody_had_hung_up() -> None:
    heard = []

    def hear(attempt: Attempt, **kwargs: Any) -> None:
        heard.append((attempt.pk, attempt.state))

    _, ticket = services.open_attempt(purpose="signin", session_key=SESSION)
    running = services.start_attempt(ticket=ticket, session_key=SESSION)
    Attempt.objects.update(expires=timezone.now())
    attempt_decided.connect(hear)
    try:
        tasks.close_dead_attempts()
        tasks.close_dead_attempts()
    finally:
        attempt_decided.disconnect(hear)
    assert heard == [(running.pk, Attempt.State.ABANDONED)]


def test_erasing_a_person_erases_attempts_frames_and_reviews(reviewer: Any) -> None:
    user = get_user_model().objects.create_user("ada")
    about = ended_attempt(FakeEngine(spoof()), user=user)
    ended_attempt(FakeEngine(spoof()), claimed="Ada")
    other = ended_attempt(FakeEngine(spoof()), claimed="grace")
    reviewing.review_attempt(attempt=about, reviewer=reviewer, label="screen")
    assert services.erase_user(user) == 2
    assert list(Attempt.objects.all()) == [other]
    assert not Review.objects.exists()
    assert set(Evidence.objects.values_list("attempt", flat=True)) == {other.pk}


def test_the_command_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    _refused(days_ago=31)
    call_command("purge")
    assert f"{KEPT} frames and 0 attempts deleted" in capsys.readouterr().out


def test_without_a_scheduler_the_purge_runs_at_most_once_an_hour(settings: Settings) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = True
    first = _refused(days_ago=31)
    tasks.purge_if_due()
    assert not first.evidence.exists()
    second = _refused(days_ago=31)
    tasks.purge_if_due()
    assert second.evidence.exists()


def test_with_a_scheduler_visitors_do_not_drive_the_purge(settings: Settings) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = False
    attempt = _refused(days_ago=31)
    tasks.purge_if_due()
    assert attempt.evidence.exists()
