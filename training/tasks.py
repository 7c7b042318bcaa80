"""Offline training in a process of its own: torch never enters the worker, and a crash cannot take it along."""

import logging
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from celery import shared_task
from django.conf import settings

from liveness.engine import bundle as bundles
from liveness.engine.bundle import BundleError
from liveness.services import register_model
from training import services
from training.models import TrainingRun
from training.services import RunStateError

logger = logging.getLogger(__name__)

_LINES = 200
_SECONDS_BETWEEN_NOTES = 2.0


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
        _train(run)
    except RunStateError as error:
        logger.info("stopped: %s", error)
    except (OSError, BundleError) as error:
        services.fail_run(run_pk, str(error))
    except Exception as error:
        services.fail_run(run_pk, f"{type(error).__name__}: {error}")
        raise


def command(run: TrainingRun) -> list[str]:
    """The command line of a run; the same path as for a person at a terminal."""
    manage = Path(settings.BASE_DIR) / "manage.py"
    return [sys.executable, str(manage), "train_fas", "--run", str(run.pk)]


def _train(run: TrainingRun) -> None:
    process = subprocess.Popen(
        command(run), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    assert process.stdout is not None  # noqa: S101  (a pipe was asked for)
    try:
        last = _stream(run.pk, process.stdout)
        code = process.wait()
    finally:
        _stop(process)
    if code:
        services.fail_run(run.pk, f"Training stopped with exit status {code}. {last}".strip())
        return
    _register(run)


def _stream(run_pk: int, lines: Iterable[str]) -> str:
    """Keep the tail of the output in the run, at most every two seconds; give back the last line that says anything."""
    tail: deque[str] = deque(maxlen=_LINES)
    noted = 0.0
    for line in lines:
        tail.append(line)
        if time.monotonic() - noted >= _SECONDS_BETWEEN_NOTES:
            services.note_log(run_pk, "".join(tail))
            noted = time.monotonic()
    services.note_log(run_pk, "".join(tail))
    return next((line.strip() for line in reversed(tail) if line.strip()), "")


def _register(run: TrainingRun) -> None:
    folder = services.folder_of(run) / "bundle"
    bundle = bundles.load(folder)
    register_model(folder=folder)
    services.finish_run(run.pk, bundle=folder, result=dict(bundle.manifest))


def _stop(process: "subprocess.Popen[str]") -> None:
    """End a training that nobody waits for any more: cancelled, or this worker is going down."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
