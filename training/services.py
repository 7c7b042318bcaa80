"""Every write of this room. States change by compare-and-set; whoever comes second gets RunStateError.

Nothing here enqueues: the caller does ``transaction.on_commit(tasks.run_training.delay)``.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from training.models import TrainingRun
from training.options import OptionError, Options, from_dict

State = TrainingRun.State
LOG_CHARACTERS = 20_000


class RunStateError(RuntimeError):
    """The run is not in the state this change starts from."""


class RequestError(ValueError):
    """The run cannot be requested: its data or its options are unusable. The message says why."""


def request_run(*, data: Path, options: Mapping[str, Any], by: Any = None) -> TrainingRun:
    """Queue a run on the manifest as it is now; its digest is kept. ``by`` is a user. Raises RequestError."""
    chosen, digest = check_request(data, options)
    return TrainingRun.objects.create(
        data=str(data.resolve()), data_digest=digest, options=chosen.as_dict(), requested_by=by
    )


def check_request(data: Path, options: Mapping[str, Any]) -> tuple[Options, str]:
    """The options of a request and the SHA-256 of its manifest. Raises RequestError."""
    try:
        return from_dict(options), hashlib.sha256(data.read_bytes()).hexdigest()
    except (OptionError, OSError) as error:
        raise RequestError(str(error)) from error


def claim_run(pk: int) -> TrainingRun:
    """Queued → running, for exactly one worker. Raises RunStateError for everyone else."""
    _change(pk, (State.QUEUED,), state=State.RUNNING, started=timezone.now())
    return TrainingRun.objects.get(pk=pk)


def note_log(pk: int, log: str) -> None:
    """Keep the end of a running run's output. Raises RunStateError once it is no longer running."""
    _change(pk, (State.RUNNING,), log=log[-LOG_CHARACTERS:])


def finish_run(pk: int, *, bundle: Path, result: Mapping[str, Any]) -> None:
    """Running → done, with the manifest of the new bundle. Raises RunStateError."""
    _end(pk, State.DONE, bundle=str(bundle), result=dict(result))


def fail_run(pk: int, reason: str) -> None:
    """Running → failed, with the reason in words. Raises RunStateError."""
    _end(pk, State.FAILED, reason=reason)


def cancel_run(pk: int) -> None:
    """Queued or running → cancelled; its worker stops at the next line that the training prints. Raises RunStateError."""
    expected = (State.QUEUED, State.RUNNING)
    _change(pk, expected, state=State.CANCELLED, finished=timezone.now())


def manifest_of(run: TrainingRun) -> Path:
    """The run's manifest, if it is still the one that was requested. Raises RequestError."""
    path = Path(run.data)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error}") from error
    if digest != run.data_digest:
        raise RequestError(f"{path} has changed since the run was requested.")
    return path


def folder_of(run: TrainingRun) -> Path:
    """Where a run keeps its checkpoints and, in ``bundle/``, its result."""
    return Path(settings.VAR) / "training" / f"run-{run.pk}"


def _end(pk: int, state: str, **values: Any) -> None:
    _change(pk, (State.RUNNING,), state=state, finished=timezone.now(), **values)


def _change(pk: int, expected: tuple[str, ...], **values: Any) -> None:
    if not TrainingRun.objects.filter(pk=pk, state__in=expected).update(**values):
        found = TrainingRun.objects.filter(pk=pk).values_list("state", flat=True).first()
        raise RunStateError(
            f"Training run {pk} is {found or 'unknown'}, not {' or '.join(expected)}."
        )
