"""Frozen benchmarks: lists of labelled frames that every candidate is proven on, exactly as they were once.

A benchmark names a manifest CSV and keeps its digest and that of every frame. Nothing is copied; what has changed since
is refused, because figures on other frames prove something else.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction

from liveness.engine import manifests
from liveness.engine.manifests import ManifestError
from training import evaluation
from training.evaluation import ScoredFrame
from training.models import Benchmark

_FEWEST = 30


class BenchmarkError(ValueError):
    """The frames cannot be frozen, or are no longer what they were; the message says why."""


def freeze(*, name: str, manifest: Path, split: str = "", by: Any = None) -> Benchmark:
    """Keep the digests of a manifest's frames, of one ``split`` or all. ``by`` is a user.

    Raises BenchmarkError: a name that is taken, a missing frame, fewer than 30 frames of a class, or a person or frame
    that the manifest also trains on.
    """
    manifest = manifest.resolve()
    rows, digest = _read(manifest)
    chosen = [row for row in rows if split in ("", row.get("split", ""))]
    found = frames_of(chosen)
    _check_classes(found, manifest)
    _check_leak(chosen, rows)
    try:
        with transaction.atomic():
            return Benchmark.objects.create(
                name=name,
                manifest=str(manifest),
                split=split,
                digest=digest,
                files=_digests(manifest.parent, [frame.path for frame in found]),
                counts=counts(found),
                by=by,
            )
    except IntegrityError as error:
        raise BenchmarkError(f"There is a benchmark named {name} already.") from error


def check(benchmark: Benchmark) -> list[dict[str, str]]:
    """The benchmark's rows, if manifest and frames are what they were. Raises BenchmarkError."""
    manifest = Path(benchmark.manifest)
    rows, digest = _read(manifest)
    if digest != benchmark.digest:
        raise BenchmarkError(f"{benchmark.name}: {manifest} has changed since it was frozen.")
    now = _digests(manifest.parent, list(benchmark.files))
    changed = sorted(path for path, known in benchmark.files.items() if now[path] != known)
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise BenchmarkError(
            f"{benchmark.name}: {', '.join(changed[:3])}{more} changed since it was frozen."
        )
    return [row for row in rows if row["path"] in benchmark.files]


def counts(found: Sequence[ScoredFrame]) -> dict[str, Any]:
    """How many frames of each camera, class and species."""
    live = sum(frame.live for frame in found)
    return {
        "bona_fide": live,
        "attacks": len(found) - live,
        "cameras": dict(sorted(Counter(frame.domain for frame in found).items())),
        "species": dict(
            sorted(Counter(frame.species for frame in found if not frame.live).items())
        ),
    }


def frames_of(rows: Sequence[dict[str, str]]) -> list[ScoredFrame]:
    """Labelled frames without scores. Raises BenchmarkError for a row that is not understood."""
    try:
        return [evaluation.labelled_frame(row) for row in rows]
    except ManifestError as error:
        raise BenchmarkError(str(error)) from error


def _read(manifest: Path) -> tuple[list[dict[str, str]], str]:
    try:
        rows = manifests.read(manifest)
        return rows, hashlib.sha256(manifest.read_bytes()).hexdigest()
    except (ManifestError, OSError) as error:
        raise BenchmarkError(str(error)) from error


def _check_classes(found: Sequence[ScoredFrame], manifest: Path) -> None:
    live = sum(frame.live for frame in found)
    if min(live, len(found) - live) < _FEWEST:
        raise BenchmarkError(
            f"{manifest} has {live} bona fide frames and {len(found) - live} attacks to freeze; "
            f"less than {_FEWEST} of either prove nothing."
        )


def _check_leak(chosen: Sequence[dict[str, str]], rows: Sequence[dict[str, str]]) -> None:
    """Rows that the manifest sets aside for training must share neither frame nor person with what is frozen."""
    kept = {id(row) for row in chosen}
    trained = [row for row in rows if row.get("split") == "train" and id(row) not in kept]
    paths = {row["path"] for row in trained} & {row["path"] for row in chosen}
    people = {_person(row) for row in trained} & {_person(row) for row in chosen}
    people.discard(None)
    if paths or people:
        raise BenchmarkError(
            f"{len(paths)} frames and {len(people)} people to freeze are in the train split as well."
        )


def _person(row: dict[str, str]) -> tuple[str, str] | None:
    subject = row.get("subject") or ""
    return (row.get("domain") or "", subject) if subject else None


def _digests(root: Path, paths: Sequence[str]) -> dict[str, str]:
    """SHA-256 of each file. Raises BenchmarkError for one that cannot be read."""
    found = {}
    for path in paths:
        try:
            found[path] = hashlib.sha256((root / path).read_bytes()).hexdigest()
        except OSError as error:
            raise BenchmarkError(f"{root / path} cannot be read: {error}") from error
    return found
