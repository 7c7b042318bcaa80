"""CelebA-Spoof (Zhang et al., ECCV 2020) in its own layout.

``Data/{train,test}/{subject}/{live,spoof}/NNNNNN.{jpg,png}`` with the face in ``NNNNNN_BB.txt`` (x, y, w, h, score, in a
frame of 224×224), and 44 labels a picture in ``metas/intra_test/{train,test}_label.json``.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from PIL import ExifTags, Image

from liveness.engine.crops import Box
from training.fas.data import DataError, LeakError, Sample
from training.fas.readers.base import DataSet

LABELS = "metas/intra_test"
NEEDS = f"Data/train or Data/test with {LABELS}/train_label.json or test_label.json"
SPECIES = (
    *("", "print", "print", "print"),  # live, photo, poster, A4
    *("mask", "mask", "mask"),  # face, upper body and region masks, cut out of paper
    *("screen", "screen", "screen"),  # PC, pad, phone
    "mask",  # 3D mask
)
"""PAI species of each spoof type."""

_SPLITS = {"train": "train", "test": "dev"}
_TYPE, _SPOOF, _COUNT = 40, 43, 44
_BOX_FRAME = 224
_SIDEWAYS = range(5, 9)


class _Unusable(ValueError):
    """One picture cannot be used; the message says why."""


def recognises(source: Path) -> bool:
    return any(
        (source / "Data" / part).is_dir() and _list(source, part).is_file() for part in _SPLITS
    )


def read(source: Path, domain: str = "celeba-spoof") -> DataSet:
    """The test part becomes dev under the domain "…-test".

    The cameras are not known: the two parts share no person, and may share a camera. Raises DataError for a damaged
    list of labels and LeakError for a person in both parts.
    """
    samples: list[Sample] = []
    skipped: dict[str, str] = {}
    for part, path, labels in _rows(source):
        try:
            samples.append(_sample(source, part, path, labels, domain or "celeba-spoof"))
        except _Unusable as error:
            skipped[path] = str(error)
    _check_people(samples)
    return DataSet(source, tuple(samples), skipped)


def _rows(source: Path) -> Iterator[tuple[str, str, object]]:
    for part in _SPLITS:
        if _list(source, part).is_file():
            for path, labels in sorted(_labels(_list(source, part)).items()):
                yield part, path, labels


def _labels(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise DataError(f"{path} must map each picture's path to its {_COUNT} labels.")
    return found


def _sample(source: Path, part: str, path: str, labels: object, domain: str) -> Sample:
    subject, kind = _place(path, part)
    species = _species(labels, kind)
    return Sample(
        path=path,
        domain=domain if part == "train" else f"{domain}-test",
        subject=subject,
        live=kind == "live",
        species=species,
        split=_SPLITS[part],
        box=_box(source / path),
    )


def _place(path: str, part: str) -> tuple[str, str]:
    """Subject, and live or spoof."""
    match path.split("/"):
        case ["Data", found, subject, "live" | "spoof" as kind, _] if found == part:
            return subject, kind
    raise _Unusable(f"not Data/{part}/subject/live or spoof/picture")


def _species(labels: object, kind: str) -> str:
    if not isinstance(labels, list) or len(labels) != _COUNT:
        raise _Unusable(f"needs {_COUNT} labels")
    number, spoof = labels[_TYPE], labels[_SPOOF]
    if number not in range(len(SPECIES)) or spoof not in (0, 1):
        raise _Unusable(f"spoof type {number!r} or label {spoof!r} is unknown")
    if not (kind == "spoof") == bool(spoof) == bool(number):
        raise _Unusable(f"lies in {kind}, but its labels say spoof type {number}, label {spoof}")
    return SPECIES[number]


def _box(picture: Path) -> Box:
    """The face in pixels: the file's numbers are fractions of 224 of the picture's width and height."""
    try:
        words = picture.with_name(f"{picture.stem}_BB.txt").read_text(encoding="utf-8").split()
        x, y, w, h = (float(word) / _BOX_FRAME for word in words[:4])
        width, height = _upright_size(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _Unusable(f"its size or its box cannot be read: {error}") from error
    return Box(x * width, y * height, w * width, h * height)


def _upright_size(picture: Path) -> tuple[int, int]:
    """Width and height as decoding gives them, from the header alone."""
    with Image.open(picture, formats=["JPEG", "PNG"]) as header:
        turned = header.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS
        return (header.height, header.width) if turned else header.size


def _check_people(samples: list[Sample]) -> None:
    people = {split: {s.subject for s in samples if s.split == split} for split in ("train", "dev")}
    shared = sorted(people["train"] & people["dev"])
    if shared:
        raise LeakError(f"The subject {shared[0]} is in Data/train and in Data/test.")


def _list(source: Path, part: str) -> Path:
    return source / LABELS / f"{part}_label.json"
