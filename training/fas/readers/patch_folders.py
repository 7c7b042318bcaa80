"""Ready patches as Silent-Face lays them out: ``RGB_Images/{scale}_{height}x{width}/{class}/name.png``.

Class 1 is bona fide, 0 a print, 2 a screen. A picture has the same name in every scale's folder. ``org_1_…`` is the
whole original, resized; it stands for scale 1.0 where no folder ``1_…`` does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liveness.engine import frames
from liveness.engine.crops import CropSpec, Patches
from liveness.engine.frames import FILE_LIMITS, FrameLimits
from training.fas.data import DataError, Sample
from training.fas.readers.base import NO_PICTURE, DataSet, files, is_picture

FOLDER = "RGB_Images"
NEEDS = (
    f"{FOLDER} with folders such as 2.7_80x80 (scale_heightxwidth), each with the classes 0, 1, 2"
)
SPECIES = {"0": "print", "1": "", "2": "screen"}

_NAME = re.compile(r"(org_)?(\d+(?:\.\d+)?)_\d+x\d+")
_LIMITS = FrameLimits(FILE_LIMITS.max_bytes, FILE_LIMITS.max_pixels, min_side=16)


@dataclass(frozen=True)
class PatchSample(Sample):
    """A face that is already cut. ``path`` is the patch of the smallest scale; ``patches``: (scale, path), ascending."""

    patches: tuple[tuple[float, str], ...] = ()


def recognises(source: Path) -> bool:
    return bool(_scales(_root(source)))


def read(source: Path, domain: str = "") -> DataSet:
    """Every name that all scales have; the others are skipped by name. Raises DataError."""
    root = _root(source)
    scales = dict(_scales(root))
    if len(scales) < len(_scales(root)):
        raise DataError(f"{root} has two folders of the same scale; move one of them away.")
    names = {folder: set(_names(root / folder)) for folder in scales.values()}
    usable = {name for name in set.intersection(*names.values()) if not _fault(name)}
    domain = domain or root.resolve().parent.name
    samples = tuple(_sample(name, scales, domain) for name in sorted(usable))
    every = sorted(set.union(*names.values()) - usable)
    return DataSet(root, samples, {name: _fault(name) or _missing(name, names) for name in every})


def read_patches(root: Path, sample: PatchSample, spec: CropSpec) -> Patches:
    """Patches (P, S, S, 3) uint8 BGR 0–255 of a sample, resized to the spec's size; an original that is not square
    keeps its middle. Raises DataError for a scale that is not there, FrameError and OSError for a damaged file.
    """
    paths = dict(sample.patches)
    missing = [f"{scale:g}" for scale in spec.scales if scale not in paths]
    if missing:
        present = ", ".join(f"{scale:g}" for scale in paths)
        raise DataError(f"{sample.path} has the scales {present}, not {', '.join(missing)}.")
    return np.stack([_patch(root / paths[scale], spec.size) for scale in spec.scales])


def class_of(sample: Sample) -> str:
    """The folder of a sample's class: a screen is 2, every other attack 0."""
    return "1" if sample.live else "2" if sample.species == "screen" else "0"


def _patch(path: Path, size: int) -> frames.Picture:
    return frames.fit(frames.decode(path.read_bytes(), _LIMITS, ("JPEG", "PNG")), size, size)


def _root(source: Path) -> Path:
    return source / FOLDER if (source / FOLDER).is_dir() else source


def _scales(root: Path) -> list[tuple[float, str]]:
    """(scale, folder), ascending; an original only where its scale has no patches."""
    found = [match for path in sorted(root.glob("*_*x*")) if (match := _NAME.fullmatch(path.name))]
    usable = [m for m in found if any((root / m[0] / name).is_dir() for name in SPECIES)]
    cut = {float(match[2]) for match in usable if not match[1]}
    return sorted((float(m[2]), m[0]) for m in usable if not m[1] or float(m[2]) not in cut)


def _names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files(folder)]


def _fault(name: str) -> str:
    if name.split("/")[0] not in SPECIES:
        return f"not in a folder named {', '.join(SPECIES)}"
    return "" if is_picture(Path(name)) else NO_PICTURE


def _missing(name: str, names: Mapping[str, set[str]]) -> str:
    lacking = [folder for folder, present in names.items() if name not in present]
    return f"missing in {', '.join(lacking)}"


def _sample(name: str, scales: Mapping[float, str], domain: str) -> PatchSample:
    kind = name.split("/")[0]
    paths = tuple((scale, f"{folder}/{name}") for scale, folder in scales.items())
    return PatchSample(
        path=paths[0][1],
        domain=domain,
        subject="",
        live=kind == "1",
        species=SPECIES[kind],
        split="train",
        box=None,
        frame="crop",
        patches=paths,
    )
