"""A bundle is a folder: model.onnx, manifest.json, golden.npz. Everything that decides a score travels together.

The manifest names the weights' SHA-256, the preprocessing, the classes, the threshold and how it was found, and the
measured figures. Golden vectors (patches and the scores they must give) prove at load time that this machine, with
this runtime, computes what the trainer computed; a mismatch refuses to start.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liveness.engine.crops import CropError, CropSpec

FORMAT = 1
BUNDLED = Path(__file__).parent / "bundled"


class BundleError(RuntimeError):
    """The bundle is missing, damaged, altered, or computes something else here than where it was made."""


@dataclass(frozen=True)
class Threshold:
    """``p_live`` ≥ ``value`` is live, where there is no band. ``target`` says what it was calibrated to; counts are frames.

    band: lower ≤ value ≤ upper; evidence of an attempt, or of one picture alone, is live from the upper edge on, an attack
    below the lower one, and undecided in between.
    """

    value: float
    target: str
    bona_fide: int
    attacks: int
    band: tuple[float, float] | None = None


@dataclass(frozen=True)
class Golden:
    """Patches (K, P, S, S, 3) uint8 BGR and the scores (K,) float32 they must give within ``tolerance``."""

    patches: NDArray[np.uint8]
    p_live: NDArray[np.float32]
    tolerance: float


@dataclass(frozen=True)
class Scoring:
    """How left and right are treated, so that a face and its mirror image have one score.

    mirror: a face is scored as it is and mirrored, and the mean of both logits counts; turn: a face whose right half is the
    brighter is mirrored first, and scored once. Neither: as it is.
    """

    mirror: bool = False
    turn: bool = False


AS_IS = Scoring()


@dataclass(frozen=True)
class Bundle:
    """A verified bundle in memory. ``manifest`` keeps every field of manifest.json as it was written."""

    name: str
    sha256: str
    model: bytes
    crop: CropSpec
    classes: tuple[str, ...]
    threshold: Threshold
    golden: Golden
    manifest: Mapping[str, Any]
    scoring: Scoring = AS_IS

    @property
    def live_index(self) -> int:
        return self.classes.index("live")


def load(folder: Path) -> Bundle:
    """Read and verify a bundle folder. Raises BundleError with the file and the reason in words."""
    manifest = _read_manifest(folder / "manifest.json")
    try:
        return _assemble(folder, manifest)
    except (KeyError, TypeError, ValueError, CropError) as error:
        raise BundleError(
            f"{folder}/manifest.json is incomplete or malformed: {error!r}"
        ) from error


def write(folder: Path, model: bytes, manifest: Mapping[str, Any], golden: Golden) -> Bundle:
    """Write a bundle folder and read it back through the same checks as serving does.

    ``manifest`` holds name, classes, preprocessing and threshold (see docs/architecture.md), and any further
    figures; the format, the file names, sizes and digests are filled in here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "golden.npz", patches=golden.patches, p_live=golden.p_live)
    (folder / "model.onnx").write_bytes(model)
    golden_digest = _digest((folder / "golden.npz").read_bytes())
    files = {
        "model": {"file": "model.onnx", "sha256": _digest(model), "bytes": len(model)},
        "golden": {"file": "golden.npz", "sha256": golden_digest, "tolerance": golden.tolerance},
    }
    text = json.dumps({"format": FORMAT, **manifest, **files}, indent=2, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
    return load(folder)


def crop_spec(preprocessing: Mapping[str, Any]) -> CropSpec:
    """Read the manifest's ``preprocessing`` object. Raises KeyError, ValueError or CropError."""
    return CropSpec(
        scales=tuple(float(scale) for scale in preprocessing["scales"]),
        size=int(preprocessing["size"]),
        channels=str(preprocessing["channels"]),
        mean=float(preprocessing["mean"]),
        std=float(preprocessing["std"]),
        border=str(preprocessing["padding"]),
    )


def preprocessing(spec: CropSpec) -> dict[str, Any]:
    """The manifest's ``preprocessing`` object of a CropSpec; the inverse of ``crop_spec``."""
    return {
        "scales": list(spec.scales),
        "size": spec.size,
        "padding": spec.border,
        "channels": spec.channels,
        "mean": spec.mean,
        "std": spec.std,
    }


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BundleError(f"{path} is not a bundle manifest of format {FORMAT}.")
    return manifest


def _assemble(folder: Path, manifest: dict[str, Any]) -> Bundle:
    model = _read_checked(folder, manifest["model"])
    classes = tuple(str(name) for name in manifest["classes"])
    if classes.count("live") != 1 or len(classes) < 2:
        raise ValueError("classes must name 'live' once and at least one attack")
    return Bundle(
        name=str(manifest["name"]),
        sha256=str(manifest["model"]["sha256"]),
        model=model,
        crop=crop_spec(manifest["preprocessing"]),
        classes=classes,
        threshold=_threshold(manifest["threshold"]),
        golden=_golden(folder, manifest["golden"]),
        manifest=manifest,
        scoring=_scoring(manifest),
    )


def _scoring(manifest: Mapping[str, Any]) -> Scoring:
    """What the manifest says of left and right; a bundle that says nothing asks for the face as it is."""
    found = manifest.get("scoring", {})
    for name, value in found.items():
        if not isinstance(value, bool):
            raise ValueError(f"scoring.{name} must be true or false, got {value!r}")
    return Scoring(**found)


def _threshold(fields: Mapping[str, Any]) -> Threshold:
    value = float(fields["value"])
    if not 0.0 < value < 1.0:
        raise ValueError(f"the threshold must lie in (0, 1), got {value}")
    lower, upper = (float(edge) for edge in fields.get("band", (value, value)))
    if not 0.0 <= lower <= value <= upper <= 1.0:
        raise ValueError(f"the band must hold the threshold, got {lower} to {upper}")
    counts = int(fields["bona_fide"]), int(fields["attacks"])
    return Threshold(value, str(fields["target"]), *counts, (lower, upper))


def _golden(folder: Path, fields: Mapping[str, Any]) -> Golden:
    _read_checked(folder, fields)
    with np.load(folder / str(fields["file"]), allow_pickle=False) as arrays:
        return Golden(arrays["patches"], arrays["p_live"], float(fields["tolerance"]))


def _read_checked(folder: Path, fields: Mapping[str, Any]) -> bytes:
    path = folder / str(fields["file"])
    if path.parent != folder:
        raise BundleError(f"{path} lies outside the bundle.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    if _digest(data) != fields["sha256"]:
        raise BundleError(f"{path} does not match the SHA-256 in its manifest: damaged or altered.")
    return data


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
