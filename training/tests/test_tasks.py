import errno
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from kombu.exceptions import OperationalError

from liveness import registry
from liveness.engine import bundle as bundles
from liveness.engine.crops import CropSpec
from liveness.models import ModelVersion
from training import services, tasks
from training.fas import export
from training.fas.nets import MiniFASNet, NetSpec
from training.models import TrainingRun
from training.tests.synthetic import row, write_manifest

pytestmark = pytest.mark.django_db
CROP = CropSpec((1.0,), 32)


@pytest.fixture
def run(tmp_path: Path, settings: object) -> TrainingRun:
    settings.VAR = tmp_path / "var"  # type: ignore[attr-defined]
    manifest = write_manifest(tmp_path / "manifest.csv", [row("a.jpg", "a", True)])
    return services.request_run(data=manifest, options={})


def pretend(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Run a few lines of Python in place of the training command."""
    monkeypatch.setattr(tasks, "command", lambda run: [sys.executable, "-u", "-c", script])


def write_bundle(folder: Path) -> bundles.Bundle:
    model = export.to_onnx(MiniFASNet(NetSpec(patches=1, size=32)).eval())
    manifest = {
        "name": "tiny",
        "classes": ["spoof", "live"],
        "preprocessing": bundles.preprocessing(CROP),
        "threshold": {"value": 0.5, "target": "none", "bona_fide": 0, "attacks": 0},
    }
    return bundles.write(folder, model, manifest, export.golden(model, CROP, count=2))


def test_a_run_becomes_a_candidate_model(run: TrainingRun, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = write_bundle(services.folder_of(run) / "bundle")
    pretend(monkeypatch, "print('epoch 1'); print('done')")
    tasks.run_training(run.pk)
    run.refresh_from_db()
    assert (run.state, run.log, run.result["name"]) == ("done", "epoch 1\ndone\n", "tiny")
    assert ModelVersion.objects.get(sha256=bundle.sha256).state == "candidate"


def test_a_failure_keeps_the_last_words(run: TrainingRun, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(
        monkeypatch, "import sys; print('CommandError: no attacks', file=sys.stderr); sys.exit(3)"
    )
    tasks.run_training(run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert run.reason == "Training stopped with exit status 3. CommandError: no attacks"


def test_success_without_a_bundle_is_a_failure(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "pass")
    tasks.run_training(run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "manifest.json" in run.reason


def test_a_second_delivery_changes_nothing(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.claim_run(run.pk)
    pretend(monkeypatch, "raise SystemExit(1)")
    tasks.run_training(run.pk)
    run.refresh_from_db()
    assert run.state == "running"


def test_a_cancelled_training_is_stopped_though_it_says_nothing(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = services.note

    def cancel_then_note(run: TrainingRun, **values: Any) -> None:
        services.cancel_run(run.pk)
        note(run, **values)

    monkeypatch.setattr(services, "note", cancel_then_note)
    monkeypatch.setattr(tasks, "_SECONDS_BETWEEN_NOTES", 0.1)
    pretend(monkeypatch, "import time; time.sleep(600)")
    began = time.monotonic()
    tasks.run_training(run.pk)
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert time.monotonic() - began < 5


def test_a_training_that_ignores_the_wish_to_stop_is_killed(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_SECONDS_BETWEEN_NOTES", 0.5)
    monkeypatch.setattr(tasks, "_SECONDS_TO_STOP", 0.2)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    pretend(monkeypatch, deaf + "print('deaf'); time.sleep(600)")
    note = services.note

    def cancel_once_deaf(run: TrainingRun, **values: Any) -> None:
        if "deaf" in values["log"]:
            services.cancel_run(run.pk)
        note(run, **values)

    monkeypatch.setattr(services, "note", cancel_once_deaf)
    tasks.run_training(run.pk)
    run.refresh_from_db()
    assert run.state == "cancelled"


def test_progress_and_history_are_kept_in_the_run(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = services.folder_of(run)
    write_bundle(folder / "bundle")
    (folder / "progress.json").write_text('{"epoch": 2, "epochs": 8, "share": 0.2}')
    (folder / "history.json").write_text('[{"epoch": 1, "loss": 0.5, "auc": null}]')
    pretend(monkeypatch, "print('epoch 1')")
    tasks.run_training(run.pk)
    run.refresh_from_db()
    assert run.progress == {"epoch": 2, "epochs": 8, "share": 0.2, "said": "epoch 1"}
    assert run.history == [{"epoch": 1, "loss": 0.5, "auc": None}]


def test_a_pseudonym_in_the_output_does_not_reach_the_log(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{'a1' * 16}-{'b2' * 16}"
    pretend(
        monkeypatch, f"print('skipped frames/{name}-best-100.jpg: damaged'); raise SystemExit(1)"
    )
    tasks.run_training(run.pk)
    run.refresh_from_db()
    assert run.log == "skipped frames/(a person)-best-100.jpg: damaged\n"
    assert "a1" not in run.reason


@pytest.mark.parametrize("step", ["register_model", "bundles.load"])
def test_a_full_disk_at_the_end_fails_the_run_with_words_and_registers_nothing(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "model.onnx")

    write_bundle(services.folder_of(run) / "bundle")
    monkeypatch.setattr(f"training.tasks.{step}", full)
    pretend(monkeypatch, "pass")
    tasks.run_training(run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "No space left on device" in run.reason
    assert not ModelVersion.objects.exists()


def test_a_run_that_is_cancelled_at_the_last_moment_registers_nothing(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    register = registry.register_model

    def cancel_then_register(**values: Any) -> ModelVersion:
        services.cancel_run(run.pk)
        return register(**values)

    write_bundle(services.folder_of(run) / "bundle")
    monkeypatch.setattr(tasks, "register_model", cancel_then_register)
    pretend(monkeypatch, "pass")
    tasks.run_training(run.pk)
    assert not ModelVersion.objects.exists()


def test_the_candidate_knows_its_run_its_data_and_its_parent(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion = registry.promote_model(model=registry.ensure_bundled_model())
    write_bundle(services.folder_of(run) / "bundle")
    pretend(monkeypatch, "pass")
    tasks.run_training(run.pk)
    run.refresh_from_db()
    assert run.model is not None
    assert (run.model.data_digest, run.model.parent) == (run.data_digest, champion)


def test_the_queue_and_a_person_start_the_same_command(run: TrainingRun) -> None:
    program, manage, *rest = tasks.command(run)
    assert program == sys.executable
    assert Path(manage).name == "manage.py"
    assert Path(manage).exists()
    assert rest == ["train_fas", "--run", str(run.pk)]


def test_only_a_later_try_with_a_checkpoint_resumes(run: TrainingRun) -> None:
    folder = services.folder_of(run)
    folder.mkdir(parents=True)
    (folder / "last.pt").write_bytes(b"x")
    assert "--resume" not in tasks.command(run)
    run.tries = 2
    assert tasks.command(run)[-1] == "--resume"
    (folder / "last.pt").unlink()
    assert "--resume" not in tasks.command(run)


def test_a_broker_that_does_not_answer_leaves_the_run_in_the_queue(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    def refuse(pk: int) -> None:
        raise OperationalError("connection refused")

    settings.CELERY_TASK_ALWAYS_EAGER = False
    monkeypatch.setattr(tasks.run_training, "delay", refuse)
    assert tasks.enqueue(run.pk) is False
    run.refresh_from_db()
    assert run.state == "queued"
