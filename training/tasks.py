"""Offline training in a process of its own: torch never enters the worker, and a crash cannot take it along.

The worker looks after its process every two seconds, whether that prints or not: it keeps the log and the progress in
the run, and ends the process as soon as the run is no longer its own.
"""

import json
import logging
import os
import re
import subprocess
import sys
from collections import deque
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from liveness.engine import bundle as bundles
from liveness.engine.bundle import BundleError
from liveness.models import ModelVersion
from liveness.registry import active_model, register_model
from training import plans, prepared, services, supervision, tasks_gate
from training.models import TrainingRun
from training.services import RequestError, RunStateError

logger = logging.getLogger(__name__)

_LINES = 200
_SECONDS_BETWEEN_NOTES = 2.0
_SECONDS_TO_STOP = 10.0
_LAST, _NOTE, _HISTORY = "last.pt", "progress.json", "history.json"
_PSEUDONYM = re.compile(r"[0-9a-f]{32}(?:-[0-9a-f]{32})?")


@shared_task
def run_training(run_pk: int) -> None:
    """Claim a queued run, train in a subprocess, and register the result as a candidate model.

    A second delivery of the same run changes nothing.
    """
    try:
        run = services.claim_run(run_pk)
    except RunStateError as error:
        logger.warning("%s", error)
        return
    try:
        prepared.sweep()
        _train(run)
    except RunStateError as error:
        logger.info("stopped: %s", error)
    except (OSError, BundleError, RequestError) as error:
        _fail(run, str(error))
    except Exception as error:
        _fail(run, f"{type(error).__name__}: {error}")
        raise
    finally:
        prepared.sweep()


@shared_task
def recover_runs() -> None:
    """Runs whose worker died go back into the queue, or fail with a reason; runs every minute."""
    queued, failed = services.recover()
    for pk in queued:
        logger.warning("training run %s is enqueued again", pk)
        enqueue(pk)
    if failed:
        logger.error("training runs failed without a worker: %s", failed)
        prepared.sweep()


@shared_task
def retrain_if_due() -> None:
    """Ask for a run when LIVEGATE_RETRAIN_AFTER new labels have come in and none is open; runs every hour."""
    try:
        run = plans.request_if_due()
    except RequestError as error:
        logger.warning("no scheduled training: %s", error)
        return
    if run is not None:
        logger.info("training run %s is requested by the clock", run.pk)
        enqueue(run.pk)


def enqueue(run_pk: int) -> bool:
    """Hand a run to a training worker, after the commit; False where there is none to be had.

    A run that could not be handed over stays queued: ``recover_runs`` tries again.
    """
    if settings.CELERY_TASK_ALWAYS_EAGER:
        return False
    try:
        run_training.delay(run_pk)
    except OperationalError as error:
        logger.warning("training run %s waits: %s", run_pk, error)
        return False
    return True


def command(run: TrainingRun) -> list[str]:
    """The command line of a run; the same path as for a person at a terminal."""
    manage = Path(settings.BASE_DIR) / "manage.py"
    resume = (services.folder_of(run) / _LAST).is_file() and run.tries > 1
    return [
        *(sys.executable, str(manage), "train_fas", "--run", str(run.pk)),
        *(["--resume"] if resume else []),
    ]


def _train(run: TrainingRun) -> None:
    process = subprocess.Popen(
        command(run),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, supervision.TOKEN: run.worker},
    )
    watch = _Watch(run, process)
    try:
        code = watch.wait()
    finally:
        _stop(process)
    if code:
        _fail(run, f"Training stopped with exit status {code}. {watch.last()}".strip())
        return
    _register(run)


def _fail(run: TrainingRun, reason: str) -> None:
    try:
        services.fail_run(run, reason)
    except RunStateError as error:
        logger.info("%s It had failed: %s", error, reason)


class _Watch:
    """Keeps the end of a process's output, and notes it in the run together with the progress."""

    def __init__(self, run: TrainingRun, process: "subprocess.Popen[str]") -> None:
        self._run, self._process = run, process
        self._tail: deque[str] = deque(maxlen=_LINES)
        self._reader = Thread(target=self._read, name=f"run-{run.pk}", daemon=True)
        self._reader.start()

    def wait(self) -> int:
        """The exit status. Raises RunStateError when the run is not ours any more, RequestError when data was erased."""
        while True:
            try:
                code = self._process.wait(_SECONDS_BETWEEN_NOTES)
            except subprocess.TimeoutExpired:
                self._note()
                continue
            self._reader.join(_SECONDS_TO_STOP)
            self._note()
            return code

    def last(self) -> str:
        """The last line that says anything."""
        return next((line.strip() for line in reversed(list(self._tail)) if line.strip()), "")

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  (a pipe was asked for)
        with self._process.stdout as lines:
            for line in lines:
                self._tail.append(_PSEUDONYM.sub("(a person)", line))

    def _note(self) -> None:
        folder = services.folder_of(self._run)
        progress = _json(folder / _NOTE, dict) | {"said": self.last()[:200]}
        history = _json(folder / _HISTORY, list)
        services.note(self._run, log="".join(list(self._tail)), progress=progress, history=history)
        _check_data(self._run)


def _check_data(run: TrainingRun) -> None:
    """Raise RequestError when somebody's copies were erased while the run was trained."""
    if not run.copies_digest:
        run.refresh_from_db(fields=["copies_digest"])
    if run.copies_digest:
        prepared.check(run)


def _json(path: Path, kind: Any) -> Any:
    """What a process says of itself in a file; nothing where there is none yet."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return kind()
    return found if isinstance(found, kind) else kind()


def _register(run: TrainingRun) -> None:
    """The bundle becomes a candidate and the run is done: both, or neither."""
    folder = services.folder_of(run) / "bundle"
    bundle = bundles.load(folder)
    _check_data(run)
    with transaction.atomic():
        model = _candidate(run, folder)
        services.finish_run(run, bundle=folder, result=dict(bundle.manifest), model=model)
        transaction.on_commit(partial(tasks_gate.enqueue, model.pk))


def _candidate(run: TrainingRun, folder: Path) -> ModelVersion:
    return register_model(
        folder=folder,
        parent=active_model(),
        data_digest=run.data_digest,
        trained_by=run.requested_by,
    )


def _stop(process: "subprocess.Popen[str]") -> None:
    """End a training that nobody waits for any more: cancelled, or this worker is going down."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdin is not None:
        process.stdin.close()
