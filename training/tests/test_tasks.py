import sys
from pathlib import Path

import pytest

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


def test_a_cancelled_training_is_stopped(run: TrainingRun, monkeypatch: pytest.MonkeyPatch) -> None:
    note = services.note_log

    def cancel_then_note(pk: int, log: str) -> None:
        services.cancel_run(pk)
        note(pk, log)

    monkeypatch.setattr(services, "note_log", cancel_then_note)
    pretend(monkeypatch, "import time; print('epoch 1'); time.sleep(600)")
    tasks.run_training(run.pk)
    run.refresh_from_db()
    assert run.state == "cancelled"


def test_the_queue_and_a_person_start_the_same_command(run: TrainingRun) -> None:
    program, manage, *rest = tasks.command(run)
    assert program == sys.executable
    assert Path(manage).name == "manage.py"
    assert Path(manage).exists()
    assert rest == ["train_fas", "--run", str(run.pk)]
