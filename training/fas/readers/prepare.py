"""Any data set becomes a manifest of whole frames with the serving detector's boxes and, on wish, ready patches.

Every picture that is done is a line of ``progress.jsonl``, so that an interrupted run goes on where it stopped and a
finished one has nothing to do. The manifest appears at the end, whole.
"""

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2

from liveness.engine.crops import Box, CropError, CropSpec, Patches, patches
from liveness.engine.faces import FaceDetector
from liveness.engine.frames import FILE_LIMITS, FrameError, FrameFault, decode
from training.fas.data import DataError, Sample, replace_file, write_csv, write_manifest
from training.fas.readers import patch_folders
from training.fas.readers.base import DataSet
from training.fas.store import MIN_OVERLAP

MANIFEST, SKIPPED = "manifest.csv", "skipped.csv"
PROGRESS, MARKER = "progress.jsonl", "prepare.json"
COPIES = "frames"

_EVERY_SECONDS = 2.0

Result = dict[str, Any]
"""One picture: width, height, box and the number of faces; or skipped, a code, and its detail in words."""


@dataclass(frozen=True)
class Summary:
    """What a preparation gave. skipped: code → pictures; several: frames with more than one face; fresh: done just now."""

    bona_fide: int
    attacks: int
    skipped: Counter[str]
    several: int
    fresh: int


class _NoFace(ValueError):
    """The detector did not find the face that the sample is about."""


@dataclass
class Preparation:
    """``crop``: also cut patches in the layout of ``patch_folders``; ``copy``: copy the pictures, not only name them."""

    data: DataSet
    out: Path
    detector: FaceDetector
    crop: CropSpec | None = None
    copy: bool = False
    say: Callable[[str], None] = print

    def run(self) -> Summary:
        """Raises DataError: a folder that holds something else, patches as the source, or no usable picture."""
        if any(isinstance(row, patch_folders.PatchSample) for row in self.data.samples):
            raise DataError(f"{self.data.root} holds ready patches; there is no frame to prepare.")
        self._claim()
        done = _read_progress(self.out / PROGRESS)
        clock = _Clock(len(self.data.samples), self.say)
        results = []
        with (self.out / PROGRESS).open("a", encoding="utf-8") as log:
            for sample in self.data.samples:
                key = self._key(sample)
                if key not in done:
                    done[key] = self._measure(sample)
                    log.write(json.dumps([key, done[key]]) + "\n")
                    log.flush()
                    clock.worked(sample.path, done[key])
                results.append(done[key])
                clock.tick(len(results))
        return self._finish(results, clock.fresh)

    def _claim(self) -> None:
        """Make the folder ours, or see that it is ours and was made in the same way."""
        crop = asdict(self.crop) if self.crop else None
        wanted = {"source": str(self.data.root.resolve()), "copy": self.copy, "crop": crop}
        marker = self.out / MARKER
        if marker.is_file():
            if marker.read_text(encoding="utf-8") != json.dumps(wanted):
                raise DataError(
                    f"{self.out} was prepared from another source or with other options; "
                    "choose another folder."
                )
            return
        if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
            raise DataError(f"{self.out} holds something else; choose a new or an empty folder.")
        self.out.mkdir(parents=True, exist_ok=True)
        replace_file(marker, json.dumps(wanted).encode())

    def _key(self, sample: Sample) -> str:
        """Names the picture as it lies there now, and what is said about it: a change of either is done anew."""
        try:
            state = (self.data.root / sample.path).stat()
            stamp = [state.st_size, state.st_mtime_ns]
        except OSError:
            stamp = []
        return _digest(sample.path, sample.live, sample.species, _corners(sample.box), stamp)

    def _measure(self, sample: Sample) -> Result:
        try:
            content = _content(self.data.root / sample.path)
            picture = decode(content, FILE_LIMITS, ("JPEG", "PNG"))
            boxes = [face.box for face in self.detector.detect(picture)]
            box = _the_face(boxes, sample.box)
            cut = patches(picture, box, self.crop) if self.crop else None
        except (FrameError, CropError, _NoFace, OSError, cv2.error) as error:
            return {"skipped": _code(error), "detail": " ".join(str(error).split())}
        self._keep(sample, content, cut)
        height, width = picture.shape[:2]
        return {"width": width, "height": height, "box": _corners(box), "faces": len(boxes)}

    def _keep(self, sample: Sample, content: bytes, cut: Patches | None) -> None:
        """What is made of a private picture is as private."""
        mode = (self.data.root / sample.path).stat().st_mode & 0o666
        if self.copy:
            _write(self.out / self._copy_of(sample), content, mode)
        if cut is not None:
            for path, patch in zip(self._patches_of(sample), cut, strict=True):
                _write(self.out / path, bytes(cv2.imencode(".png", patch)[1]), mode)

    def _copy_of(self, sample: Sample) -> str:
        return f"{COPIES}/{_name(sample)}{Path(sample.path).suffix}"

    def _patches_of(self, sample: Sample) -> list[str]:
        """One path for each scale."""
        if self.crop is None:
            return []
        size, kind = self.crop.size, patch_folders.class_of(sample)
        folders = [f"{patch_folders.FOLDER}/{scale:g}_{size}x{size}" for scale in self.crop.scales]
        return [f"{folder}/{kind}/{_name(sample)}.png" for folder in folders]

    def _finish(self, results: Sequence[Result], fresh: int) -> Summary:
        pairs = list(zip(self.data.samples, results, strict=True))
        good = [(row, result) for row, result in pairs if "skipped" not in result]
        bad = [(path, "not_used", why) for path, why in self.data.skipped.items()]
        bad += [(r.path, x["skipped"], x["detail"]) for r, x in pairs if "skipped" in x]
        write_csv(self.out / SKIPPED, [("path", "reason", "detail"), *sorted(bad)])
        if not good:
            raise DataError(f"No picture could be used; {self.out / SKIPPED} says why.")
        self._sweep([row for row, _ in good])
        rows = [(self._prepared(row, x), x["width"], x["height"]) for row, x in good]
        write_manifest(self.out / MANIFEST, rows)
        live = sum(row.live for row, _ in good)
        several = sum(result["faces"] > 1 for _, result in good)
        skipped = Counter(code for _, code, _ in bad)
        return Summary(live, len(good) - live, skipped, several, fresh)

    def _prepared(self, sample: Sample, result: Result) -> Sample:
        """The row of the manifest: its path is relative to the folder, also where it points outside."""
        source = self.data.root.resolve() / sample.path
        path = self._copy_of(sample) if self.copy else os.path.relpath(source, self.out.resolve())
        return replace(sample, path=Path(path).as_posix(), box=Box(*result["box"]))

    def _sweep(self, good: Sequence[Sample]) -> None:
        """Remove what an earlier run wrote for pictures that have changed or gone since."""
        wanted = {self.out / path for row in good for path in self._patches_of(row)}
        wanted |= {self.out / self._copy_of(row) for row in good} if self.copy else set()
        for folder in (COPIES, patch_folders.FOLDER):
            for path in (self.out / folder).rglob("*"):
                if path.is_file() and path not in wanted:
                    path.unlink()


@dataclass
class _Clock:
    """Says how far it has come, how many were skipped and how long the rest will take."""

    total: int
    say: Callable[[str], None]
    fresh: int = 0
    skipped: int = 0
    _began: float = field(default_factory=time.monotonic)
    _said: float = field(default_factory=time.monotonic)

    def worked(self, path: str, result: Result) -> None:
        self.fresh += 1
        if "skipped" in result:
            self.skipped += 1
            self.say(f"skipped {path}: {result['detail']}")

    def tick(self, done: int) -> None:
        now = time.monotonic()
        if done < self.total and now - self._said < _EVERY_SECONDS:
            return
        self._said = now
        left = (now - self._began) / max(self.fresh, 1) * (self.total - done)
        words = f"{left / 60:.0f} min" if left >= 90 else f"{left:.0f} s"
        self.say(f"{done} of {self.total}, {self.skipped} skipped, {words} left")


def _the_face(boxes: Sequence[Box], labelled: Box | None) -> Box:
    """The detection that overlaps the labelled box best; without one the largest. Raises _NoFace."""
    if not boxes:
        raise _NoFace("The detector finds no face.")
    if labelled is None:
        return boxes[0]
    best = max(boxes, key=labelled.iou)
    if labelled.iou(best) < MIN_OVERLAP:
        raise _NoFace("The detector finds a face, but not the labelled one.")
    return best


def _content(path: Path) -> bytes:
    """The bytes of a picture; one that is too large is refused unread."""
    size = path.stat().st_size
    if size > FILE_LIMITS.max_bytes:
        limit = f"at most {FILE_LIMITS.max_bytes:,} are accepted"
        raise FrameError(FrameFault.TOO_MANY_BYTES, f"The image has {size:,} bytes; {limit}.")
    return path.read_bytes()


def _code(error: Exception) -> str:
    if isinstance(error, FrameError):
        return str(error.fault)
    if isinstance(error, _NoFace):
        return "no_face"
    return "unreadable" if isinstance(error, OSError) else "cannot_be_cut"


def _read_progress(path: Path) -> dict[str, Result]:
    """What earlier runs did; a last line that was cut short is taken off the file."""
    if not path.is_file():
        return {}
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if whole != text:
        replace_file(path, whole)
    return dict(json.loads(line) for line in whole.splitlines())


def _write(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content, mode)


def _name(sample: Sample) -> str:
    """A file name that only this picture and face have, whatever folder it comes from."""
    return f"{Path(sample.path).stem[:100]}-{_digest(sample.path, _corners(sample.box))[:12]}"


def _corners(box: Box | None) -> list[float]:
    return [round(value, 1) for value in (box.x, box.y, box.w, box.h)] if box else []


def _digest(*values: object) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]
