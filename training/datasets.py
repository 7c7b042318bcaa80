"""Data sets by name: settings.LIVEGATE_DATA_SETS says which manifests a run may be built on.

Nobody types a path into a browser: a path can be anybody's file, and a name that the operator chose cannot.
"""

import csv
import hashlib
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TypedDict

from django.conf import settings

from training.fas.data import COLUMNS, DataError, Sample, read_manifest

TEACHERS = ("seed_logit", "silentface_p")
HEAD = (*COLUMNS, *TEACHERS)
"""Columns of a manifest that was put together."""


class Base(TypedDict):
    """A data set as it was when a run was requested; sha256: of its manifest."""

    name: str
    path: str
    sha256: str


def registered() -> dict[str, Path]:
    """Name → manifest CSV, as the operator configured it."""
    found: Mapping[str, str] = settings.LIVEGATE_DATA_SETS
    return {name: Path(path) for name, path in sorted(found.items())}


def resolve(base: Iterable[str | Path]) -> list[tuple[str, Path]]:
    """Names and paths → (name, path). Raises DataError for a name that is not registered."""
    known, chosen = registered(), []
    for each in base:
        if isinstance(each, str) and each not in known:
            raise DataError(f"There is no data set {each!r}; known: {', '.join(known) or 'none'}.")
        path = known[each] if isinstance(each, str) else each
        chosen.append((each if isinstance(each, str) else path.parent.name, path.resolve()))
    return chosen


def frozen(base: Iterable[str | Path]) -> list[Base]:
    """Data sets with their digests as they are now. Raises DataError, and OSError for an unreadable file."""
    chosen = resolve(base)
    if len({path for _, path in chosen}) < len(chosen):
        raise DataError("One data set is chosen twice.")
    return [Base(name=name, path=str(path), sha256=_digest(path)) for name, path in chosen]


def unchanged(base: Base) -> Path:
    """The manifest, if it is still the one that was frozen. Raises DataError."""
    path = Path(base["path"])
    try:
        same = _digest(path) == base["sha256"]
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not same:
        raise DataError(f"{path} has changed since the run was requested.")
    return path


def samples(path: Path) -> tuple[Sample, ...]:
    """The rows of a manifest; read again only when the file changes. Raises DataError."""
    try:
        about = path.stat()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return _samples(path, about.st_mtime_ns, about.st_size)


def check_apart(cameras: Mapping[str, Collection[str]]) -> None:
    """Raise DataError when two data sets have a camera of the same name: one could train what the other holds out.

    cameras: data set → its domains.
    """
    owner: dict[str, str] = {}
    for name, domains in cameras.items():
        for domain in sorted(set(domains)):
            if owner.setdefault(domain, name) != name:
                raise DataError(
                    f"{owner[domain]} and {name} both have a camera {domain}: choose one of them, "
                    "or rename the camera in its manifest."
                )


def rows(manifest: Path, prefix: Path | None = None) -> list[list[str]]:
    """A manifest's rows in the columns of HEAD. Paths become absolute, or start at ``prefix``. Raises DataError."""
    folder = manifest.parent.resolve() if prefix is None else prefix
    try:
        with manifest.open(newline="", encoding="utf-8") as file:
            return [_row(row, folder) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise DataError(f"{manifest} cannot be read: {error}") from error


def _row(row: Mapping[str, str], folder: Path) -> list[str]:
    values = {**row, "path": str(folder / row["path"])}
    return [values.get(name) or "" for name in HEAD]


@lru_cache(maxsize=8)
def _samples(path: Path, changed: int, size: int) -> tuple[Sample, ...]:
    return read_manifest(path)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
