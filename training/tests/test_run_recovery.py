import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from training import services, tasks
from training.models import TrainingRun
from training.tests.synthetic import row, write_manifest

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(tmp_path: Path, settings: Any) -> TrainingRun:
    settings.VAR = tmp_path / "var"
    manifest = write_manifest(tmp_path / "manifest.csv", [row("a.jpg", "a", True)])
    return services.request_run(data=manifest, options={})


@pytest.fixture
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    seen: list[int] = []
    monkeypatch.setattr(tasks, "enqueue", seen.append)
    return seen


def silent(run: TrainingRun, **ago: float) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(heartbeat=timezone.now() - timedelta(**ago))


def test_a_run_whose_worker_died_goes_back_into_the_queue(
    run: TrainingRun, enqueued: list[int]
) -> None:
    services.claim_run(run.pk)
    silent(run, minutes=5)
    tasks.recover_runs()
    run.refresh_from_db()
    assert (run.state, run.worker, run.tries, enqueued) == ("queued", "", 1, [run.pk])
    assert services.claim_run(run.pk).tries == 2


def test_a_run_that_gives_signs_of_life_is_left_alone(
    run: TrainingRun, enqueued: list[int]
) -> None:
    claimed = services.claim_run(run.pk)
    silent(run, minutes=5)
    services.note(claimed, log="epoch 1")
    tasks.recover_runs()
    run.refresh_from_db()
    assert (run.state, run.worker, enqueued) == ("running", claimed.worker, [])


def test_a_run_is_given_up_with_a_reason_after_three_workers(
    run: TrainingRun, enqueued: list[int]
) -> None:
    for _ in range(services.TRIES):
        services.claim_run(run.pk)
        silent(run, minutes=5)
        tasks.recover_runs()
    run.refresh_from_db()
    assert (run.state, len(enqueued)) == ("failed", services.TRIES - 1)
    assert "disappeared 3 times" in run.reason
    assert run.finished is not None


def test_a_worker_that_was_taken_for_dead_can_write_nothing_any_more(
    run: TrainingRun, tmp_path: Path, enqueued: list[int]
) -> None:
    first = services.claim_run(run.pk)
    silent(run, minutes=5)
    tasks.recover_runs()
    second = services.claim_run(run.pk)
    for write in (
        partial(services.note, first, log="x"),
        partial(services.note_copies, first, "x"),
        partial(services.finish_run, first, bundle=tmp_path, result={}),
        partial(services.fail_run, first, "x"),
    ):
        with pytest.raises(services.RunStateError, match="gone to another worker"):
            write()
    services.note(second, log="epoch 2")


def test_a_run_whose_message_was_lost_is_enqueued_again_now_and_then(
    run: TrainingRun, enqueued: list[int]
) -> None:
    tasks.recover_runs()
    assert enqueued == []
    silent(run, minutes=11)
    tasks.recover_runs()
    tasks.recover_runs()
    assert enqueued == [run.pk]


def test_what_has_ended_is_not_recovered(run: TrainingRun, enqueued: list[int]) -> None:
    services.cancel_run(run.pk)
    silent(run, days=1)
    tasks.recover_runs()
    run.refresh_from_db()
    assert (run.state, enqueued) == ("cancelled", [])


def test_a_worker_that_comes_back_to_life_stops_its_training(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch, enqueued: list[int]
) -> None:
    """Its process ends, and what the second worker does is not touched."""
    note = services.note

    def late(claimed: TrainingRun, **values: Any) -> None:
        silent(claimed, minutes=5)
        tasks.recover_runs()
        services.claim_run(claimed.pk)
        note(claimed, **values)

    monkeypatch.setattr(services, "note", late)
    monkeypatch.setattr(tasks, "_SECONDS_BETWEEN_NOTES", 0.1)
    script = "import time; time.sleep(600)"
    monkeypatch.setattr(tasks, "command", lambda run: [sys.executable, "-c", script])
    tasks.run_training(run.pk)
    run.refresh_from_db()
    assert (run.state, run.tries, run.reason) == ("running", 2, "")
