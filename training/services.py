"""Every write of this room. States change by compare-and-set; whoever comes second gets RunStateError.

A worker that has claimed a run holds its token; what it writes later must name that token, so that a worker that was
taken for dead and is not can no longer touch a run that another one has. Nothing here enqueues: the caller does
``transaction.on_commit(partial(tasks.enqueue, run.pk))``.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from liveness.models import Attempt, ModelVersion
from training import datasets, freezing, reviewed
from training.fas.data import DataError
from training.freezing import Frozen
from training.models import TrainingRun
from training.options import OptionError, Options, from_dict

State = TrainingRun.State
LOG_CHARACTERS = 20_000
TRIES = 3
"""How often a run is begun before it is given up; each time it goes on from its last checkpoint."""

QUEUE_PATIENCE = timedelta(minutes=10)
"""A queued run that nobody has claimed for so long is enqueued again: its message may be lost."""

_OPEN = (State.QUEUED, State.RUNNING)


class RunStateError(RuntimeError):
    """The run is not in the state this change starts from, or another worker has it."""


class RequestError(ValueError):
    """The run cannot be requested: its data or its options are unusable. The message says why."""


def request_run(
    *,
    options: Mapping[str, Any],
    data: Path | None = None,
    base: Sequence[str | Path] = (),
    reviewed: bool | Iterable[Any] = False,
    recipe: str = "",
    by: Any = None,
    scheduled: bool = False,
) -> TrainingRun:
    """Queue a run on data sets and reviewed attempts as they are now; their ids and a digest are kept.

    data: a manifest. base: more of them, by registered name or as paths. reviewed: True for all attempts that may be
    used, or these (rows or ids). by: a user. Raises RequestError, also for a second scheduled run beside an open one.
    """
    chosen = _checked(options)
    sets = _bases([*([data] if data else []), *base])
    attempts = _attempts(reviewed)
    try:
        with transaction.atomic():
            return TrainingRun.objects.create(
                data=sets[0]["path"],
                base=sets,
                attempts=attempts,
                data_digest=digest_of(sets, attempts),
                options=chosen.as_dict(),
                recipe=recipe,
                requested_by=by,
                scheduled=scheduled,
            )
    except IntegrityError as error:
        raise RequestError("A scheduled run is open already.") from error


def check_request(data: Path, options: Mapping[str, Any]) -> tuple[Options, str]:
    """The options of a request and the SHA-256 of its manifest. Raises RequestError."""
    return _checked(options), _bases([data])[0]["sha256"]


def digest_of(base: Sequence[datasets.Base], attempts: Sequence[Frozen]) -> str:
    """Names all that a run was requested on: of one data set alone, the SHA-256 of its manifest."""
    if len(base) == 1 and not attempts:
        return base[0]["sha256"]
    facts = [[each["sha256"] for each in base], [list(each.values()) for each in attempts]]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def claim_run(pk: int) -> TrainingRun:
    """Queued → running, for exactly one worker, whose token is in the row. Raises RunStateError for everyone else."""
    now = timezone.now()
    values: dict[str, Any] = {"worker": uuid.uuid4().hex, "heartbeat": now, "tries": F("tries") + 1}
    values["started"] = Coalesce("started", Value(now))
    _change(pk, (State.QUEUED,), None, state=State.RUNNING, **values)
    return TrainingRun.objects.get(pk=pk)


def note(
    run: TrainingRun,
    *,
    log: str = "",
    progress: Mapping[str, Any] | None = None,
    history: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """A sign of life of a running run, with the end of its output and how far it is. Raises RunStateError."""
    values: dict[str, Any] = {"heartbeat": timezone.now(), "log": log[-LOG_CHARACTERS:]}
    if progress is not None:
        values["progress"] = dict(progress)
    if history is not None:
        values["history"] = [dict(row) for row in history]
    _change(run.pk, (State.RUNNING,), run.worker, **values)


def note_copies(run: TrainingRun, digest: str) -> None:
    """The manifest that is trained on is complete. Raises RunStateError."""
    _change(run.pk, _OPEN, run.worker, copies_digest=digest)
    run.copies_digest = digest


def finish_run(
    run: TrainingRun,
    *,
    bundle: Path,
    result: Mapping[str, Any],
    model: ModelVersion | None = None,
) -> None:
    """Running → done, with the manifest of the new bundle. Raises RunStateError."""
    _end(run, State.DONE, bundle=str(bundle), result=dict(result), model=model)


def fail_run(run: TrainingRun, reason: str) -> None:
    """Running → failed, with the reason in words. Raises RunStateError."""
    _end(run, State.FAILED, reason=reason)


def cancel_run(pk: int) -> None:
    """Queued or running → cancelled at once; its worker stops the training within seconds. Raises RunStateError."""
    _change(pk, _OPEN, None, state=State.CANCELLED, finished=timezone.now())


def recover(now: datetime | None = None) -> tuple[list[int], list[int]]:
    """Queue again what a dead worker left behind, up to TRIES times; then fail it. Returns (to enqueue, failed).

    Also to be enqueued: what has waited in the queue so long that its message may be lost.
    """
    now = now or timezone.now()
    stale = now - timedelta(seconds=settings.LIVEGATE_RUN_STALE_SECONDS)
    queued: list[int] = []
    failed: list[int] = []
    for run in TrainingRun.objects.filter(state=State.RUNNING, heartbeat__lt=stale):
        (failed if run.tries >= TRIES else queued).append(_abandoned(run, now))
    waiting = TrainingRun.objects.filter(state=State.QUEUED, heartbeat__lt=now - QUEUE_PATIENCE)
    for run in waiting:
        same = TrainingRun.objects.filter(pk=run.pk, state=State.QUEUED, heartbeat=run.heartbeat)
        queued += [run.pk] * same.update(heartbeat=now)
    return [pk for pk in queued if pk], [pk for pk in failed if pk]


def manifest_of(run: TrainingRun) -> Path:
    """The first manifest of a run, if all are still those that were requested. Raises RequestError."""
    return bases_of(run)[0]


def bases_of(run: TrainingRun) -> list[Path]:
    """The manifests of a run, if they are still those that were requested. Raises RequestError."""
    own = datasets.Base(name="", path=run.data, sha256=run.data_digest)
    try:
        return [datasets.unchanged(each) for each in run.base or [own]]
    except DataError as error:
        raise RequestError(str(error)) from error


def folder_of(run: TrainingRun) -> Path:
    """Where a run keeps its data, its checkpoints and, in ``bundle/``, its result."""
    return Path(settings.VAR) / "training" / f"run-{run.pk}"


def _checked(options: Mapping[str, Any]) -> Options:
    try:
        return from_dict(options)
    except OptionError as error:
        raise RequestError(str(error)) from error


def _bases(base: Sequence[str | Path]) -> list[datasets.Base]:
    if not base:
        raise RequestError("Choose a data set: reviewed attempts alone are too few to learn from.")
    try:
        return datasets.frozen(base)
    except (DataError, OSError) as error:
        raise RequestError(str(error)) from error


def _attempts(chosen: bool | Iterable[Any]) -> list[Frozen]:
    if isinstance(chosen, bool):
        return freezing.freeze(reviewed.usable()[0]) if chosen else []
    wanted = {str(getattr(each, "pk", each)) for each in chosen}
    found = freezing.freeze(reviewed.usable(Attempt(pk=pk) for pk in wanted)[0])
    if len(found) < len(wanted):
        raise RequestError(f"{len(wanted) - len(found)} of the attempts may not be trained on.")
    return found


def _abandoned(run: TrainingRun, now: datetime) -> int:
    """Take a run from a worker that gives no sign of life; 0 when it gave one meanwhile."""
    same = TrainingRun.objects.filter(
        pk=run.pk, state=State.RUNNING, worker=run.worker, heartbeat=run.heartbeat
    )
    if run.tries >= TRIES:
        reason = f"Its worker disappeared {run.tries} times; the last lines of its log say more."
        values: dict[str, Any] = {"state": State.FAILED, "reason": reason, "finished": now}
    else:
        values = {"state": State.QUEUED, "heartbeat": now}
    return run.pk if same.update(worker="", **values) else 0


def _end(run: TrainingRun, state: str, **values: Any) -> None:
    _change(run.pk, (State.RUNNING,), run.worker, state=state, finished=timezone.now(), **values)


def _change(pk: int, expected: tuple[str, ...], token: str | None, **values: Any) -> None:
    """``token``: the worker that the row must name, or None for whoever."""
    rows = TrainingRun.objects.filter(pk=pk, state__in=expected)
    rows = rows if token is None else rows.filter(worker=token)
    if rows.update(**values):
        return
    found = TrainingRun.objects.filter(pk=pk).values_list("state", flat=True).first()
    if found in expected:
        raise RunStateError(f"Training run {pk} has gone to another worker.")
    raise RunStateError(f"Training run {pk} is {found or 'unknown'}, not {' or '.join(expected)}.")
