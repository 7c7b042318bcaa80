"""The data of a run on disk: copies of reviewed frames and one manifest over all data sets, in the run's folder.

They are made when the run begins, on the machine that trains. They are personal data: they lie where erasure finds them,
and go when the run fails or is cancelled. Everything here fails closed. When somebody's attempts may no longer be used,
between the request and the start or while the training runs, the run ends: whoever asked for it sees why and can ask
again, and no model learns from a face that was withdrawn before it was finished.
"""

import csv
import hashlib
import io
import logging
import shutil
from collections.abc import Callable
from itertools import chain
from pathlib import Path

from django.conf import settings

from liveness.engine.faces import FaceDetector
from liveness.models import Attempt
from training import datasets, freezing, lineage, reviewed, services
from training.fas.data import DataError, replace_file
from training.freezing import MERGED
from training.models import TrainingRun
from training.services import RequestError

logger = logging.getLogger(__name__)

_REVIEWED = "reviewed"
_How = tuple[FaceDetector | None, Callable[[str], None]]
_KEPT = (TrainingRun.State.QUEUED, TrainingRun.State.RUNNING, TrainingRun.State.DONE)


def prepare(
    run: TrainingRun, detector: FaceDetector | None = None, say: Callable[[str], None] = logger.info
) -> Path:
    """The manifest that this run trains on; made once, and the same when a run goes on.

    Raises RequestError: a data set changed, an attempt may no longer be used, or copies were erased since they were
    made. Raises OSError when the disk is full. Then nothing of the copies is left.
    """
    bases = services.bases_of(run)
    if len(bases) == 1 and not run.attempts:
        return bases[0]
    manifest = services.folder_of(run) / MERGED
    try:
        if run.copies_digest:
            check(run)
        else:
            services.note_copies(run, _build(run, bases, (detector, say)))
            lineage.note(run, manifest)
    except (RequestError, OSError):
        discard(run)
        raise
    return manifest


def check(run: TrainingRun) -> None:
    """Raise RequestError when the manifest of a run is no longer what was made: somebody's copies were erased."""
    manifest = services.folder_of(run) / MERGED
    try:
        same = hashlib.sha256(manifest.read_bytes()).hexdigest() == run.copies_digest
    except OSError:
        same = False
    if not same:
        raise RequestError(
            "The data of this run is no longer what it began with: somebody's pictures were erased. The run was ended "
            "and its copies were deleted. Request a new run: it will be built without them."
        )


def discard(run: TrainingRun) -> None:
    """Delete the copies of a run and every list that names people; checkpoints and the bundle stay."""
    _discard(services.folder_of(run))


def sweep() -> list[str]:
    """Discard the copies of runs that failed, were cancelled or are gone, wherever their worker died; their folders."""
    kept = set(TrainingRun.objects.filter(state__in=_KEPT).values_list("pk", flat=True))
    folders = (Path(settings.VAR) / "training").glob("run-*")
    idle = [path for path in folders if path.name[4:].isdigit() and int(path.name[4:]) not in kept]
    found = [path for path in idle if (path / _REVIEWED).exists() or (path / MERGED).exists()]
    for folder in found:
        _discard(folder)
    return [folder.name for folder in found]


def _discard(folder: Path) -> None:
    shutil.rmtree(folder / _REVIEWED, ignore_errors=True)
    for name in (MERGED, f".{MERGED}.part", "boxes.json"):
        (folder / name).unlink(missing_ok=True)


def _build(run: TrainingRun, bases: list[Path], how: _How) -> str:
    """Write the copies and the manifest over everything; its digest."""
    manifest = services.folder_of(run) / MERGED
    manifest.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    manifest.parent.chmod(0o700)
    try:
        sets = {str(path): datasets.rows(path) for path in bases}
        if run.attempts:
            copies = _copied(run, manifest.parent / _REVIEWED, *how)
            sets["the reviewed attempts"] = copies
        datasets.check_apart({name: [row[1] for row in rows] for name, rows in sets.items()})
    except DataError as error:
        raise RequestError(str(error)) from error
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([datasets.HEAD, *chain(*sets.values())])
    content = text.getvalue().encode()
    replace_file(manifest, content, 0o600)
    _check_frozen(
        run
    )  # who withdrew before this is found here; who does later is erased from what was written
    return hashlib.sha256(content).hexdigest()


def _copied(
    run: TrainingRun, folder: Path, detector: FaceDetector | None, say: Callable[[str], None]
) -> list[list[str]]:
    """Rows of the reviewed frames, copied now. Raises RequestError unless every attempt is as it was frozen."""
    _check_frozen(run)
    attempts = list(Attempt.objects.filter(pk__in=[row["id"] for row in run.attempts]))
    held = freezing.held_out(attempts)
    report = reviewed.export_reviewed(folder, attempts, held_out=held, detector=detector)
    say(f"{report.frames} reviewed frames of {report.people} people copied.")
    for reason, count in sorted(report.left_out.items()):
        say(f"{count} reviewed frames left out: {reason}")
    return datasets.rows(report.manifest, Path(_REVIEWED))


def _check_frozen(run: TrainingRun) -> None:
    if lost := freezing.changed(run.attempts):
        raise RequestError(
            f"{len(lost)} of the {len(run.attempts)} reviewed attempts may no longer be used as they were when the run was "
            "requested: erased, withdrawn, too old, or labelled anew. Request a new run."
        )
