from pathlib import Path

import pytest

from training import services
from training.models import TrainingRun
from training.tests.synthetic import row, write_manifest

pytestmark = pytest.mark.django_db


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return write_manifest(tmp_path / "manifest.csv", [row("a.jpg", "a", True)])


@pytest.fixture
def run(manifest: Path) -> TrainingRun:
    return services.request_run(data=manifest, options={"epochs": 2})


def state_of(run: TrainingRun) -> str:
    run.refresh_from_db()
    return run.state


def test_a_request_keeps_all_options_and_the_digest_of_its_data(run: TrainingRun) -> None:
    assert run.state == "queued"
    assert run.options["epochs"] == 2
    assert run.options["batch"] == 32
    assert len(run.data_digest) == 64


def test_a_request_without_its_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(services.RequestError, match=r"none\.csv"):
        services.request_run(data=tmp_path / "none.csv", options={})
    assert not TrainingRun.objects.exists()


def test_a_request_with_an_unknown_option_is_refused(manifest: Path) -> None:
    with pytest.raises(services.RequestError, match="colour"):
        services.request_run(data=manifest, options={"colour": 1})


def test_a_run_is_claimed_once(run: TrainingRun) -> None:
    assert services.claim_run(run.pk).started is not None
    with pytest.raises(services.RunStateError, match="is running, not queued"):
        services.claim_run(run.pk)


def test_a_run_that_does_not_exist_cannot_be_claimed() -> None:
    with pytest.raises(services.RunStateError, match="unknown"):
        services.claim_run(1)


def test_a_failed_run_says_why(run: TrainingRun) -> None:
    claimed = services.claim_run(run.pk)
    services.fail_run(claimed, "The disk is full.")
    assert state_of(run) == "failed"
    assert run.reason == "The disk is full."
    assert run.finished is not None


def test_a_cancelled_run_cannot_finish(run: TrainingRun, tmp_path: Path) -> None:
    claimed = services.claim_run(run.pk)
    services.cancel_run(run.pk)
    with pytest.raises(services.RunStateError, match="cancelled"):
        services.finish_run(claimed, bundle=tmp_path, result={})
    assert state_of(run) == "cancelled"


def test_a_finished_run_cannot_be_cancelled(run: TrainingRun, tmp_path: Path) -> None:
    claimed = services.claim_run(run.pk)
    services.finish_run(claimed, bundle=tmp_path, result={"name": "n"})
    with pytest.raises(services.RunStateError, match="done"):
        services.cancel_run(run.pk)
    assert state_of(run) == "done"
    assert run.result == {"name": "n"}


def test_only_the_end_of_a_log_is_kept(run: TrainingRun) -> None:
    services.note(services.claim_run(run.pk), log="x" * 30_000 + "end")
    run.refresh_from_db()
    assert len(run.log) == services.LOG_CHARACTERS
    assert run.log.endswith("end")


def test_data_that_changed_since_the_request_is_refused(run: TrainingRun, manifest: Path) -> None:
    assert services.manifest_of(run) == manifest.resolve()
    manifest.write_text("changed")
    with pytest.raises(services.RequestError, match="has changed"):
        services.manifest_of(run)
