"""The data set as rows: reading the manifest, splits that cannot leak, and how often each row is drawn.

A manifest is a CSV with one row a frame: ``path`` (relative to the CSV), ``domain`` (one camera, room and small group
of people), ``subject``, ``label`` (live or spoof), ``species``, ``split`` (train or dev), ``x, y, w, h`` (the face, in
pixels; all four empty: nobody looked for it yet) and, optionally, the outputs of two teachers: ``seed_logit`` (live
minus spoof) and ``silentface_p`` (P(live)).
"""

import csv
import hashlib
import io
import math
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveness.engine.crops import Box

CLASSES = ("spoof", "live")
SPECIES = ("print", "screen", "mask", "mixed")
"""PAI species; mixed: one of them, and the data does not say which."""

COLUMNS = (
    *("path", "domain", "frame", "subject", "label", "species", "split"),
    *("width", "height", "x", "y", "w", "h"),
)
Scores = NDArray[np.float64]

_TEACHER_CLIP = 1e-3


class DataError(ValueError):
    """The manifest cannot be used; the message names the file, the line and the reason."""


class LeakError(DataError):
    """A camera, a person or a picture stands in two splits."""


@dataclass(frozen=True)
class Sample:
    """One labelled frame, ``full`` or a ``crop`` without context.

    ``box``: the labelled face in pixels of the upright picture, or None where the data has none. ``teacher``: fused
    logit of the predecessors for live, or None where they gave none.
    """

    path: str
    domain: str
    subject: str
    live: bool
    species: str
    split: str
    box: Box | None
    teacher: float | None = None
    frame: str = "full"

    @property
    def label(self) -> int:
        """Index into CLASSES."""
        return int(self.live)


@dataclass(frozen=True)
class Splits:
    """Disjoint by domain and by subject; checked by ``check_disjoint`` when made through ``split``."""

    train: tuple[Sample, ...]
    calibration: tuple[Sample, ...]
    dev: tuple[Sample, ...]


def read_manifest(path: Path, limit: int | None = None) -> tuple[Sample, ...]:
    """Read all rows of a manifest; ``limit`` keeps at most that many rows of each domain and class.

    Raises DataError: unreadable, a missing column, a value that is no number, an unknown label.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            samples = [_sample(row, path, n) for n, row in enumerate(csv.DictReader(file), 2)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not samples:
        raise DataError(f"{path} has no rows.")
    return limited(samples, limit)


def split(
    samples: Iterable[Sample], calibration_domains: Sequence[str], root: Path | None = None
) -> Splits:
    """Dev rows stay dev; rows of the named domains calibrate; the rest trains.

    Raises LeakError when a domain or a subject is in two splits (or, with the files at hand under ``root``, the same
    picture), DataError when a part lacks a class or a calibration domain does not exist outside dev.
    """
    groups: dict[str, list[Sample]] = {"train": [], "calibration": [], "dev": []}
    for sample in samples:
        held = sample.domain in calibration_domains and sample.split == "train"
        groups["calibration" if held else sample.split].append(sample)
    missing = set(calibration_domains) - {sample.domain for sample in groups["calibration"]}
    if missing:
        raise DataError(f"No training rows for calibration domains {', '.join(sorted(missing))}.")
    splits = Splits(*(tuple(groups[name]) for name in ("train", "calibration", "dev")))
    check_disjoint(groups)
    if root is not None:
        check_contents(
            groups, fingerprints(root, (row for rows in groups.values() for row in rows))
        )
    _check_classes("train", splits.train)
    _check_classes("calibration", splits.calibration)
    return splits


def check_disjoint(groups: Mapping[str, Sequence[Sample]]) -> None:
    """Raise LeakError when a domain, or a subject of a domain, or a file is in more than one group."""
    for what in ("domain", "subject", "path"):
        owner: dict[str, str] = {}
        for name, rows in groups.items():
            for value in {_identity(row, what) for row in rows} - {""}:
                if owner.setdefault(value, name) != name:
                    raise LeakError(f"The {what} {value} is in {owner[value]} and in {name}.")


def folds(
    samples: Sequence[Sample],
    domains: Sequence[str],
    calibration_domains: Sequence[str] = (),
    root: Path | None = None,
) -> Iterator[tuple[str, Splits]]:
    """Leave one camera out: each named domain, or group of them ("cam04+cam13"), is judged once as ``dev``.

    All its rows are judged, whatever their split; all train rows of other domains train; dev rows of other domains are
    left out. Where a calibration domain is held out, the others calibrate. Raises LeakError and DataError as ``split``
    does, and DataError for a domain that does not exist.
    """
    known = {row.domain for row in samples}
    parts = {name: set(name.split("+")) for name in domains}
    missing = set(calibration_domains).union(*parts.values()) - known
    if missing:
        raise DataError(f"No rows for the domains {', '.join(sorted(missing))}.")
    prints = fingerprints(root, samples) if root is not None else {}
    for name, held in parts.items():
        yield name, _fold(samples, held, calibration_domains, prints)


def _fold(
    samples: Sequence[Sample], held: set[str], calibration: Sequence[str], prints: Mapping[str, str]
) -> Splits:
    groups: dict[str, list[Sample]] = {"train": [], "calibration": [], "held out": [], "dev": []}
    for row in samples:
        own = "calibration" if row.domain in calibration and row.split == "train" else row.split
        groups["held out" if row.domain in held else own].append(row)
    check_disjoint(groups)
    check_contents(groups, prints)
    _check_classes("train", groups["train"])
    if calibration:
        _check_classes("calibration", groups["calibration"])
    return Splits(*(tuple(groups[name]) for name in ("train", "calibration", "held out")))


def fingerprints(root: Path, samples: Iterable[Sample]) -> dict[str, str]:
    """SHA-256 of each sample's file, by its path; one that cannot be read has none."""
    found: dict[str, str] = {}
    for path in {row.path for row in samples}:
        try:
            found[path] = hashlib.sha256((root / path).read_bytes()).hexdigest()
        except OSError:
            continue
    return found


def check_contents(groups: Mapping[str, Sequence[Sample]], prints: Mapping[str, str]) -> None:
    """Raise LeakError when files of two groups hold the same picture, byte by byte."""
    owner: dict[str, tuple[str, str]] = {}
    for name, rows in groups.items():
        for path in sorted({row.path for row in rows} & prints.keys()):
            other, group = owner.setdefault(prints[path], (path, name))
            if group != name:
                raise LeakError(f"{other} in {group} and {path} in {name} are the same picture.")


def balanced(samples: Sequence[Sample], scores: Scores) -> tuple[Scores, Scores]:
    """Scores of bona fide and of attack frames (N,), (M,) on whole frames, as the portal's capture page sends them.

    Close crops are left out. Every domain weighs the same in each class: smaller ones are repeated up to the largest.
    Raises DataError when a class has no whole frame.
    """
    parts: dict[tuple[bool, str], list[float]] = defaultdict(list)
    for sample, score in zip(samples, scores, strict=True):
        if sample.frame == "full":
            parts[sample.live, sample.domain].append(float(score))
    if {live for live, _ in parts} != {True, False}:
        raise DataError("Calibration needs whole frames of both classes, not close crops alone.")
    return _repeated(parts, True), _repeated(parts, False)


def _repeated(parts: Mapping[tuple[bool, str], list[float]], live: bool) -> Scores:
    chosen = [np.sort(values) for (kind, _), values in sorted(parts.items()) if kind == live]
    return np.concatenate([np.resize(values, max(map(len, chosen))) for values in chosen])


def write_manifest(path: Path, rows: Iterable[tuple[Sample, int, int]], mode: int = 0o644) -> None:
    """Write samples, each with the width and height of its picture, as a manifest; whole or not at all."""
    write_csv(path, [COLUMNS, *(_row(*row) for row in rows)], mode)


def write_csv(path: Path, rows: Iterable[Sequence[object]], mode: int = 0o644) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    replace_file(path, text.getvalue().encode(), mode)


def replace_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file whole or not at all, readable for nobody whom ``mode`` does not name at any time."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    part.replace(path)


def _row(sample: Sample, width: int, height: int) -> list[object]:
    box = sample.box
    corners = [round(v, 1) for v in (box.x, box.y, box.w, box.h)] if box else [""] * 4
    label = "live" if sample.live else "spoof"
    words = [sample.path, sample.domain, sample.frame, sample.subject, label, sample.species]
    return [*words, sample.split, width, height, *corners]


def digest(samples: Iterable[Sample]) -> str:
    """SHA-256 over the rows that are used, in the order of their paths: names the data without holding it."""
    lines = sorted(repr(astuple(sample)) for sample in samples)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def weights(
    samples: Sequence[Sample], known: Collection[str] | None = None, strange: float = 1.0
) -> NDArray[np.float64]:
    """Probability of drawing each sample (N,), sum 1: both classes weigh the same, and so do the classes of a domain.

    A domain weighs with the square root of its size, and so does a species among the attacks: rare ones are few enough to
    be forgotten. A domain without attacks weighs half, since it teaches its own room; one that is not among the ``known``
    weighs ``strange`` times as much.
    """
    cells = Counter((sample.domain, sample.label) for sample in samples)
    sizes = Counter(sample.domain for sample in samples)
    raw = np.array([_domain_mass(s, cells, sizes) / cells[s.domain, s.label] for s in samples])
    if known is not None:
        raw[[sample.domain not in known for sample in samples]] *= strange
    labels = np.array([sample.label for sample in samples])
    names = np.array(["" if sample.live else sample.species for sample in samples])
    for name in set(names[labels == 0]):
        rows = (labels == 0) & (names == name)
        raw[rows] *= math.sqrt(rows.sum()) / raw[rows].sum()
    for label in (0, 1):
        raw[labels == label] /= 2 * raw[labels == label].sum()
    return raw / raw.sum()


def _domain_mass(
    sample: Sample, cells: Mapping[tuple[str, int], int], sizes: Mapping[str, int]
) -> float:
    other = cells.get((sample.domain, 1 - sample.label), 0)
    return math.sqrt(sizes[sample.domain]) * (1.0 if other else 0.5)


def _sample(row: Mapping[str, str], path: Path, line: int) -> Sample:
    try:
        if row["label"] not in ("live", "spoof") or row["split"] not in ("train", "dev"):
            raise ValueError(f"label {row['label']!r} or split {row['split']!r} is unknown")
        return Sample(
            path=row["path"],
            domain=row["domain"],
            subject=row["subject"],
            live=row["label"] == "live",
            species=row["species"],
            split=row["split"],
            box=_box([row[name] for name in ("x", "y", "w", "h")]),
            teacher=_teacher(row.get("seed_logit"), row.get("silentface_p")),
            frame=row.get("frame") or "full",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}, line {line}: {error!r}") from error


def _box(values: Sequence[str]) -> Box | None:
    return None if values == [""] * 4 else Box(*map(float, values))


def _teacher(logit: str | None, probability: str | None) -> float | None:
    """Logits of independent witnesses add up: seed_logit + logit(silentface_p)."""
    if not logit or not probability:
        return None
    p = min(max(float(probability), _TEACHER_CLIP), 1 - _TEACHER_CLIP)
    return float(logit) + math.log(p / (1 - p))


def _identity(sample: Sample, what: str) -> str:
    value = str(getattr(sample, what))
    return f"{sample.domain}/{value}" if what == "subject" and value else value


def limited(samples: Iterable[Sample], limit: int | None) -> tuple[Sample, ...]:
    """At most ``limit`` rows of each domain and class; None for all."""
    seen: Counter[tuple[str, bool]] = Counter()
    kept = []
    for sample in samples:
        seen[sample.domain, sample.live] += 1
        if limit is None or seen[sample.domain, sample.live] <= limit:
            kept.append(sample)
    return tuple(kept)


def _check_classes(name: str, rows: Sequence[Sample]) -> None:
    if {row.live for row in rows} != {True, False}:
        raise DataError(f"The {name} split needs bona fide frames and attacks.")
