"""One run as the queue makes it: request, claim, ``manage.py train_fas --run`` as a process, and a candidate."""

import json
import signal
import subprocess
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.db import connection, connections

from liveness.models import ModelVersion
from training import plans, prepared, services, tasks
from training.fas import data
from training.freezing import Choice
from training.models import TrainingRun
from training.plans import Plan
from training.tests.synthetic import data_set

pytestmark = pytest.mark.django_db(transaction=True)

TINY = {
    **{"epochs": 2, "batch": 8, "samples_per_epoch": 16, "scales": [1.0], "size": 32},
    **{"minutes": 0.0, "calibration_domains": ["c"], "simulate": 0.0, "device": "cpu"},
}


@pytest.fixture(autouse=True)
def own(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process shall find this test's database, folder and data sets."""
    if connection.vendor != "sqlite":
        pytest.skip("The training process shares the test's SQLite file")
    settings.VAR = tmp_path / "var"
    settings.LIVEGATE_DATA_SETS = {
        name: str(data_set(tmp_path / name / "set")) for name in ("one", "two")
    }
    _rename(Path(settings.LIVEGATE_DATA_SETS["two"]))
    for name, value in {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
        "LIVEGATE_VAR": str(settings.VAR),
        "OMP_NUM_THREADS": "1",
    }.items():
        monkeypatch.setenv(name, value)


def _rename(manifest: Path) -> None:
    """The same cameras under other names and with other pictures, so that nothing leaks."""
    text = manifest.read_text()
    for name in "abcd":
        text = text.replace(f",{name},full", f",other-{name},full")
    manifest.write_text(text)


def requested(recipe: str = "from-scratch", **options: Any) -> TrainingRun:
    plan = Plan(("one", "two"), recipe, Choice(reviewed=False), TINY | options)
    return plans.start(plan)


def test_a_run_on_two_data_sets_trains_in_its_process_and_becomes_a_candidate() -> None:
    run = requested()
    tasks.run_training(run.pk)
    run.refresh_from_db()
    assert (run.state, run.reason) == ("done", "")
    assert [row["epoch"] for row in run.history] == [1, 2]
    assert run.progress["epochs"] == 2
    assert "epoch 2/2" in run.log
    assert run.model == ModelVersion.objects.get(state="candidate")
    rows = data.read_manifest(services.folder_of(run) / "data.csv")
    assert {row.domain for row in rows} == {*"abcd", *(f"other-{name}" for name in "abcd")}
    assert run.result["data"]["train"]["domains"] == 5


def test_a_new_model_begins_with_what_an_imagenet_network_knows() -> None:
    like_the_default = {"scales": [1.5, 4.0], "size": 104, "arch": "minifasnet_lite", "epochs": 1}
    run = requested("anew", **like_the_default)
    tasks.run_training(run.pk)
    run.refresh_from_db()
    assert (run.state, run.reason) == ("done", "")
    assert run.result["preprocessing"]["size"] == 92
    assert run.result["scoring"] == {"mirror": False, "turn": True}


def test_a_cancelled_run_stops_within_seconds_in_the_middle_of_its_training() -> None:
    run = requested(epochs=100_000)
    thread = Thread(target=_train_in_thread, args=(run.pk,))
    thread.start()
    _wait_for(lambda: _fresh(run).history)
    began = time.monotonic()
    services.cancel_run(run.pk)
    thread.join(30)
    assert not thread.is_alive()
    assert time.monotonic() - began < 12
    assert _fresh(run).state == "cancelled"
    assert not (services.folder_of(run) / "data.csv").exists()
    assert not ModelVersion.objects.exists()


def test_a_run_whose_data_is_erased_meanwhile_ends_with_the_reason() -> None:
    run = requested(epochs=100_000)
    thread = Thread(target=_train_in_thread, args=(run.pk,))
    thread.start()
    _wait_for(lambda: _fresh(run).history)
    manifest = services.folder_of(run) / "data.csv"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(lines[:-1]))
    thread.join(30)
    assert not thread.is_alive()
    found = _fresh(run)
    assert (found.state, "were erased" in found.reason) == ("failed", True)
    assert not manifest.exists()


def test_a_process_that_is_killed_half_way_goes_on_from_its_checkpoint_in_another() -> None:
    run = services.claim_run(requested(epochs=60, save_every=0.0).pk)
    process = subprocess.Popen(tasks.command(run), stdin=subprocess.DEVNULL)
    _wait_for(lambda: (services.folder_of(run) / "history.json").exists())
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = json.loads((services.folder_of(run) / "history.json").read_text())
    TrainingRun.objects.filter(pk=run.pk).update(state="queued", worker="")
    TrainingRun.objects.filter(pk=run.pk).update(options=run.options | {"minutes": 0.001})
    tasks.run_training(run.pk)
    found = _fresh(run)
    assert (found.state, found.tries, found.reason) == ("done", 2, "")
    assert found.history[: len(before)] == before
    assert prepared.sweep() == []


def _train_in_thread(pk: int) -> None:
    try:
        tasks.run_training(pk)
    finally:
        connections.close_all()


def _fresh(run: TrainingRun) -> TrainingRun:
    return TrainingRun.objects.get(pk=run.pk)


def _wait_for(true: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "It took too long."
        time.sleep(0.1)
