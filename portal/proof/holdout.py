"""One camera, cut in two: what its people show to the portal, and what only the judging sees."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liveness.engine import frames, manifests
from liveness.engine.checking import FORMATS
from liveness.engine.crops import Box
from liveness.engine.faces import Face, YuNet
from liveness.engine.frames import FILE_LIMITS, Picture
from liveness.engine.quality import QualityLimits

MOVES = tuple((x, y) for y in range(0, 32, 2) for x in range(0, 32, 2))
"""Pixels gone at the left and at the top each time a still is seen, as by a camera that moves a little: the very same
picture again would be no evidence. A still that cannot be judged brings none either: then an attempt asks until its time is over.
"""

_NEAR = QualityLimits().second_face
_EACH = 5
_PORTRAITS = 900
_CLASSES = ("live", "spoof")

Row = dict[str, str]


@dataclass(frozen=True)
class Clip:
    """What one attempt shows: a still, where the face in it is, and the truth about it (live, screen, print or mask)."""

    label: str
    still: Path
    box: Box | None

    def jpegs(self) -> Iterator[bytes]:
        """The still as a camera that moves sees it, once for each of MOVES. Raises OSError and FrameError."""
        picture = frames.decode(self.still.read_bytes(), FILE_LIMITS, FORMATS)
        seen = alone(picture, YuNet().detect(picture), self.box)
        for left, top in MOVES:
            yield frames.encode_jpeg(np.ascontiguousarray(seen[top:, left:]), 92)


@dataclass(frozen=True)
class Holdout:
    """A data set cut up: manifests, and the attempts that are made with one camera.

    base: what a run may learn from, without that camera; portraits: bona fide faces of no camera that it may learn from
    as well, if there are any; benchmark: every fifth frame of the other large cameras, which
    the run does not learn from; judged: the camera's frames that nobody is shown; others: all of the other large cameras.
    """

    base: Path
    benchmark: Path
    judged: Path
    others: Path
    clips: tuple[Clip, ...]
    portraits: Path | None = None


def cut(manifest: Path, camera: str, folder: Path, portraits: Path | None = None) -> Holdout:
    """Write the manifests below ``folder`` and make the clips. Raises ValueError when the camera is too small.

    Where the data set names a camera's people, every second of them is shown and the others are judged, else the first half
    of its frames of each class and the second. A large camera has at least 40 whole frames of each class.
    """
    rows = _read(manifest)
    shown, judged = _parted([row for row in rows if row["domain"] == camera])
    if not all({row["label"] for row in part} == {*_CLASSES} for part in (shown, judged)):
        raise ValueError(f"{camera} has too few frames of both classes for attempts.")
    clips = tuple(
        Clip(_truth(row), Path(row["path"]), manifests.box_of(row))
        for label in _CLASSES
        for row in sorted(_of(shown, label), key=_truth)
    )
    folder.mkdir(parents=True, exist_ok=True)
    rest = [row for row in rows if row["domain"] != camera]
    large = _large(rest)
    if not large:
        raise ValueError("No other camera has 40 whole frames of each class to compare.")
    ours = [row for row in rest if row["domain"] in large]
    kept = {row["path"] for row in sorted(ours, key=lambda row: row["path"])[::_EACH]}
    return Holdout(
        _write(folder / "base.csv", [row for row in rest if row["path"] not in kept]),
        _write(folder / "benchmark.csv", [row for row in ours if row["path"] in kept]),
        _write(folder / "judged.csv", judged),
        _write(folder / "others.csv", ours),
        clips,
        _portraits(portraits, folder / "portraits.csv", list(rows[0])) if portraits else None,
    )


def _portraits(faces: Path, target: Path, columns: Sequence[str]) -> Path:
    """A manifest of portraits, evenly chosen from a folder of JPEGs. Raises ValueError when it holds none."""
    paths = sorted(faces.resolve().rglob("*.jpg"))
    if not paths:
        raise ValueError(f"{faces} holds no JPEG files.")
    blank = dict.fromkeys(columns, "")
    said = {"domain": "portraits", "frame": "crop", "label": "live", "split": "train"}
    chosen = np.unique(np.linspace(0, len(paths) - 1, _PORTRAITS).round().astype(int))
    return _write(target, [{**blank, **said, "path": str(paths[i])} for i in chosen])


def _read(manifest: Path) -> list[Row]:
    """Rows whose paths are absolute, so that they can be written anywhere."""
    root = manifest.parent.resolve()
    with manifest.open(newline="", encoding="utf-8") as file:
        return [{**row, "path": str(root / row["path"])} for row in csv.DictReader(file)]


def _write(path: Path, rows: Sequence[Row]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _parted(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Rows that are shown and rows that are judged; nobody is in both where all people are named, two at least of each class."""
    people = sorted({row.get("subject", "") for row in rows})
    parts = [[row for row in rows if row.get("subject", "") in people[n::2]] for n in range(2)]
    if people[:1] != [""] and all(_of(part, label) for part in parts for label in _CLASSES):
        return parts[0], parts[1]
    halves = [_halves(_of(rows, label)) for label in _CLASSES]
    return [row for first, _ in halves for row in first], [
        row for _, last in halves for row in last
    ]


def _halves(rows: Sequence[Row]) -> tuple[Sequence[Row], Sequence[Row]]:
    ordered = sorted(rows, key=lambda row: row["path"])
    return ordered[: len(ordered) // 2], ordered[len(ordered) // 2 :]


def _of(rows: Sequence[Row], label: str) -> list[Row]:
    return [row for row in rows if row["label"] == label]


def alone(picture: Picture, faces: Sequence[Face], labelled: Box | None) -> Picture:
    """The part of a picture BGR uint8 (H, W, 3) that shows the labelled face, or the largest, without another near it.

    The portal judges nobody beside somebody else, and asks to be alone before the camera. The picture ends half-way
    between two faces; where they overlap it stays whole, and cannot be judged.
    """
    if not faces:
        return picture
    mine = max((face.box for face in faces), key=labelled.iou) if labelled else faces[0].box
    ends = [mine.x, mine.y, mine.x + mine.w, mine.y + mine.h]
    edges = [0.0, 0.0, float(picture.shape[1]), float(picture.shape[0])]
    for other in (face.box for face in faces):
        right, below = other.x - ends[2], other.y - ends[3]
        gaps = [mine.x - other.x - other.w, mine.y - other.y - other.h, right, below]
        gap, side = max(zip(gaps, range(4), strict=True))
        if gap > 0 and other.w >= _NEAR * mine.w:
            nearer = max if side < 2 else min
            edges[side] = nearer(edges[side], ends[side] + (-gap if side < 2 else gap) / 2)
    left, top, right_edge, bottom = map(round, edges)
    return picture[top:bottom, left:right_edge]


def _truth(row: Mapping[str, str]) -> str:
    return "live" if row["label"] == "live" else row["species"]


def _large(rows: Sequence[Row], least: int = 40) -> set[str]:
    found = set()
    for domain in {row["domain"] for row in rows if row["frame"] == "full"}:
        labels = [row["label"] for row in rows if row["domain"] == domain]
        if min(labels.count("live"), labels.count("spoof")) >= least:
            found.add(domain)
    return found
