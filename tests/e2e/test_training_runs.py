"""A real Celery worker takes training runs from a real Redis, and is killed on the way."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from portal.demo.server import Server, running
from tests.e2e import needs
from tests.e2e.machines import worker
from training import supervision
from training.tests.synthetic import data_set

pytestmark = [pytest.mark.redis, pytest.mark.xdist_group("training-runs")]

_TINY = {
    **{"epochs": 2, "batch": 8, "samples_per_epoch": 16, "scales": [1.0], "size": 32},
    **{"minutes": 0.0, "calibration_domains": ["c"], "simulate": 0.0, "device": "cpu"},
}
_FACTS = (
    "import json; from training.models import TrainingRun; r = TrainingRun.objects.latest('pk'); "
    "print(json.dumps([r.pk, r.state, r.tries, r.reason, len(r.history), r.model_id]))"
)


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("runs")
    sets = f"tiny={data_set(folder / 'data')}"
    with needs.redis_database() as redis:
        own = {
            "LIVEGATE_DATA_SETS": sets,
            "LIVEGATE_RUN_STALE_SECONDS": "6",
            "OMP_NUM_THREADS": "1",
        }
        with running(folder / "var", REDIS_URL=redis, **own) as server:
            yield server


def _worker(server: Server) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    """One that trains in its own process, so that killing it leaves the training without anybody."""
    return worker(server, queues="training,celery")


def _start(server: Server, **options: Any) -> None:
    words = ["--base", "tiny", "--recipe", "from-scratch", "--no-reviewed"]
    server.manage("training_runs", "start", *words, "--options", json.dumps(_TINY | options))


def _shell(server: Server, code: str) -> str:
    return server.manage("shell", "--no-imports", "--command", code)


def _facts(server: Server) -> dict[str, Any]:
    names = ("pk", "state", "tries", "reason", "epochs", "model")
    return dict(zip(names, json.loads(_shell(server, _FACTS)), strict=True))


def _wait(server: Server, enough: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    end = time.monotonic() + 90
    while not enough(found := _facts(server)):
        assert time.monotonic() < end, found
        time.sleep(0.3)
    return found


def test_a_worker_trains_a_run_once_though_it_is_told_twice(portal: Server) -> None:
    _start(portal)
    pk = _facts(portal)["pk"]
    _shell(portal, f"from training.tasks import run_training; run_training.delay({pk})")
    with _worker(portal):
        found = _wait(portal, lambda run: run["state"] not in ("queued", "running"))
    assert (found["state"], found["tries"], found["reason"]) == ("done", 1, "")
    assert found["model"] is not None


def test_a_run_whose_worker_is_killed_goes_on_with_the_next_from_its_last_checkpoint(
    portal: Server,
) -> None:
    _start(portal, epochs=100_000)
    with _worker(portal) as worker:
        found = _wait(portal, lambda run: run["epochs"] > 0)
        worker.kill()
        worker.wait()
        folder = Path(portal.environment["LIVEGATE_VAR"]) / "training" / f"run-{found['pk']}"
        with supervision.alone(folder, patience=supervision.GRACE + 5):
            assert (folder / "last.pt").is_file()
    before = len(json.loads((folder / "history.json").read_text()))
    time.sleep(6.5)
    _shell(
        portal,
        "from training.models import TrainingRun as T; r = T.objects.latest('pk'); "
        "r.options['epochs'] = 1; r.save(update_fields=['options']); "
        "from training.tasks import recover_runs; recover_runs()",
    )
    with _worker(portal):
        found = _wait(portal, lambda run: run["state"] not in ("queued", "running"))
    assert (found["state"], found["tries"], found["reason"]) == ("done", 2, "")
    assert found["epochs"] in (before, before + 1), "An epoch that was begun is finished."
