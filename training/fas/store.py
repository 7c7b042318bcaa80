"""Decoded frames in memory, with the face boxes that the serving detector gives."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from liveness.engine.crops import Box, CropError, CropSpec, Patches, patches
from liveness.engine.faces import FaceDetector
from liveness.engine.frames import FILE_LIMITS, FrameError, Picture, decode
from training.fas.data import Sample

MIN_OVERLAP = 0.3


class Faces(Protocol):
    """Labelled faces that can be cut: whole frames, or patches that were cut before. ``skipped``: path → reason."""

    samples: list[Sample]
    skipped: dict[str, str]

    def __len__(self) -> int: ...

    def patches(self, index: int, spec: CropSpec) -> Patches:
        """Patches (P, S, S, 3) uint8 BGR."""
        ...

    def chosen(self, indices: Iterable[int]) -> "Faces":
        """A part of them."""
        ...


@dataclass
class Store:
    """Frames BGR uint8 (H, W, 3) with their samples and serving boxes, index by index; ``skipped``: path → reason."""

    samples: list[Sample] = field(default_factory=list)
    frames: list[Picture] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.samples)

    def extend(self, other: "Store") -> None:
        """Take over another store's frames, as of a second data set."""
        self.samples += other.samples
        self.frames += other.frames
        self.boxes += other.boxes
        self.skipped |= other.skipped

    def chosen(self, indices: Iterable[int]) -> "Store":
        """A part of the store."""
        kept = list(indices)
        return Store(*([rows[i] for i in kept] for rows in (self.samples, self.frames, self.boxes)))  # type: ignore[arg-type]

    def patches(self, index: int, spec: CropSpec) -> Patches:
        """Patches (P, S, S, 3) uint8 BGR exactly as serving would cut them."""
        return patches(self.frames[index], self.boxes[index], spec)


def load(
    root: Path, samples: Iterable[Sample], detector: FaceDetector, cache: Path | None = None
) -> Store:
    """Decode every readable frame; a damaged one is named and counted in ``skipped``, never silently lost.

    ``cache``: a JSON file of boxes by path that is read and extended, because detection is the slow part.
    """
    known = _read_cache(cache)
    store = Store()
    for sample in samples:
        try:
            _add(store, root, sample, detector, known)
        except (FrameError, CropError, OSError) as error:
            store.skipped[sample.path] = str(error)
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(json.dumps(known), encoding="utf-8")
    return store


def serving_box(picture: Picture, labelled: Box | None, detector: FaceDetector) -> Box:
    """The detection that overlaps the labelled box best (IoU ≥ 0.3), else the labelled box.

    The network must learn from the boxes that it will be given, not from an annotator's. Without a label: the largest
    face. Raises CropError when there is neither a label nor a face.
    """
    found: Sequence[Box] = [face.box for face in detector.detect(picture)]
    if labelled is None:
        if not found:
            raise CropError("No face was found.")
        return max(found, key=lambda box: box.side)
    best = max(found, key=labelled.iou, default=labelled)
    return best if labelled.iou(best) >= MIN_OVERLAP else labelled


def _add(
    store: Store,
    root: Path,
    sample: Sample,
    detector: FaceDetector,
    known: dict[str, tuple[float, ...]],
) -> None:
    picture = decode((root / sample.path).read_bytes(), FILE_LIMITS, ("JPEG", "PNG"))
    if sample.path not in known:
        box = serving_box(picture, sample.box, detector)
        known[sample.path] = (box.x, box.y, box.w, box.h)
    box = Box(*known[sample.path])
    patches(picture, box, CropSpec((1.0,), 16))  # raises CropError for a box that cannot be cut
    store.samples.append(sample)
    store.frames.append(picture)
    store.boxes.append(box)


def _read_cache(cache: Path | None) -> dict[str, tuple[float, ...]]:
    if cache is None or not cache.exists():
        return {}
    rows: Mapping[str, Sequence[float]] = json.loads(cache.read_text(encoding="utf-8"))
    return {path: tuple(values) for path, values in rows.items()}
