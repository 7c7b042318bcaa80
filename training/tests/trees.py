"""Tiny data sets of nobody in the layouts that the readers know, and detectors that do as they are told."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from liveness.engine.crops import Box
from liveness.engine.faces import Face
from liveness.engine.frames import Picture, encode_jpeg

FACE = Box(20, 16, 40, 48)


class Fixed:
    """A detector that always finds the same boxes, and counts its calls."""

    def __init__(self, *boxes: Box) -> None:
        self.boxes: Sequence[Box] = boxes or (FACE,)
        self.calls = 0

    def detect(self, picture: Picture) -> list[Face]:
        self.calls += 1
        return [Face(box, 0.9) for box in self.boxes]


def picture(path: Path, width: int = 96, height: int = 80, value: int | None = None) -> Path:
    """A JPEG of noise that follows from its path, or of one grey."""
    rng = np.random.default_rng(list(path.name.encode()))
    pixels = rng.integers(0, 255, (height, width, 3), np.uint8)
    if value is not None:
        pixels[:] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_jpeg(pixels, 95))
    return path


def plain_folders(root: Path) -> Path:
    for name in ("live/a.jpg", "spoof/print/b.jpg", "spoof/screen/c.jpg", "spoof/d.jpg"):
        picture(root / name)
    return root


def rgb_images(root: Path) -> Path:
    """One name of each class; every folder has a grey of its own."""
    for folder, (width, height) in {
        "org_1_80x60": (60, 80),
        "1_80x80": (80, 80),
        "2.7_80x80": (80, 80),
        "4_80x80": (80, 80),
    }.items():
        for kind in "012":
            shade = {"o": 200, "1": 10, "2": 27, "4": 40}[folder[0]]
            picture(root / "RGB_Images" / folder / kind / f"x{kind}.jpg", width, height, shade)
    return root


def celeba_spoof(root: Path) -> Path:
    """Subject 1 trains with a live picture and a phone; subject 2 tests with a region mask."""
    rows = {
        "train": {"Data/train/1/live/000001.jpg": 0, "Data/train/1/spoof/000002.jpg": 9},
        "test": {"Data/test/2/spoof/000003.jpg": 6},
    }
    for part, labels in rows.items():
        for path in labels:
            box = picture(root / path, 448, 112).with_suffix("")
            box.with_name(f"{box.name}_BB.txt").write_text("56 28 112 84 0.99\n")
        celeba_labels(root, part, {path: celeba_row(kind) for path, kind in labels.items()})
    return root


def celeba_row(kind: int) -> list[int]:
    return [0] * 40 + [kind, 1, 1, int(kind > 0)]


def celeba_labels(root: Path, part: str, labels: object) -> None:
    path = root / "metas" / "intra_test" / f"{part}_label.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(labels))


def nuaa(root: Path) -> Path:
    names = {"client": ("0001", "0002"), "imposter": ("0001", "0003")}
    for kind, (train, test) in names.items():
        for part, subject in (("train", train), ("test", test)):
            name = f"{subject}_00_00_01_{part}.jpg"
            picture(root / f"{kind.capitalize()}Raw" / subject / name)
            (root / f"{kind}_{part}_raw.txt").write_bytes(f"{subject}\\{name}\r\n".encode())
    return root
