"""Bytes from a camera, a file or a socket become one checked picture, or a FrameError with a code."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

Picture = NDArray[np.uint8]
"""A decoded picture: (H, W, 3), uint8, 0–255, channel order BGR."""

# Our own, smaller caps refuse such a header anyway.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_JPEG_END = b"\xff\xd9"

BLOCK = 8
"""Side of the blocks of a thumbprint, in pixels."""

SHRINK = 4
"""How many times smaller ``shrunk`` makes a frame."""


class FrameFault(StrEnum):
    EMPTY = "empty"
    TOO_MANY_BYTES = "too_many_bytes"
    NOT_AN_IMAGE = "not_an_image"
    TRUNCATED = "truncated"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"


class FrameError(ValueError):
    """The bytes cannot become a picture. ``fault`` is the machine-readable reason."""

    def __init__(self, fault: FrameFault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault


@dataclass(frozen=True)
class FrameLimits:
    """Caps that are checked before a single pixel is decoded."""

    max_bytes: int = 1_000_000
    max_pixels: int = 4_000_000
    min_side: int = 64


CAMERA_LIMITS = FrameLimits()
FILE_LIMITS = FrameLimits(max_bytes=40_000_000, max_pixels=50_000_000, min_side=32)


def decode(
    data: bytes, limits: FrameLimits = CAMERA_LIMITS, formats: Sequence[str] = ("JPEG",)
) -> Picture:
    """Decode one encoded image into BGR uint8 (H, W, 3), rotated upright by its EXIF orientation.

    ``formats`` are Pillow format names; anything else is refused unread.
    Raises FrameError: empty, over the byte or pixel cap, unreadable, truncated or too small.
    """
    _check_bytes(data, limits)
    _check_header(data, limits, formats)
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise FrameError(FrameFault.NOT_AN_IMAGE, "The image data is damaged and cannot be read.")
    return np.asarray(picture, dtype=np.uint8)


def thumbprint(picture: Picture) -> NDArray[np.int32]:
    """Grey levels (0–255) of every 8×8 block added up, (H/8, W/8) int32, to tell frames apart. Edges short of 8 count for nothing.

    Sums, not means: a mean rounded to whole grey levels would lose what a sensor's noise leaves of a block.
    """
    sums = cv2.integral(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))[::BLOCK, ::BLOCK]
    return np.asarray(np.diff(np.diff(sums, axis=0), axis=1), dtype=np.int32)


def shrunk(data: bytes, limits: FrameLimits = CAMERA_LIMITS) -> Picture:
    """A JPEG shrunk to a SHRINK-th, BGR uint8 (H/4, W/4, 3), to measure its light. Raises FrameError as ``decode``."""
    _check_bytes(data, limits)
    _check_header(data, limits, ("JPEG",))
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_COLOR_4)
    if picture is None:
        raise FrameError(FrameFault.NOT_AN_IMAGE, "This JPEG cannot be decoded.")
    return np.asarray(picture, dtype=np.uint8)


def encode_jpeg(picture: Picture, quality: int = 90) -> bytes:
    """Encode BGR uint8 (H, W, 3) as JPEG bytes without any metadata."""
    ok, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise FrameError(FrameFault.NOT_AN_IMAGE, "The picture could not be encoded as JPEG.")
    return bytes(data)


def _check_bytes(data: bytes, limits: FrameLimits) -> None:
    if not data:
        raise FrameError(FrameFault.EMPTY, "The image is empty.")
    if len(data) > limits.max_bytes:
        raise FrameError(
            FrameFault.TOO_MANY_BYTES,
            f"The image has {len(data):,} bytes; at most {limits.max_bytes:,} are accepted.",
        )


def _check_header(data: bytes, limits: FrameLimits, formats: Sequence[str]) -> None:
    """Read only the header: format, size, and for JPEG whether the end of the file arrived."""
    kind, width, height = _read_header(data, formats)
    if width * height > limits.max_pixels:
        raise FrameError(
            FrameFault.TOO_MANY_PIXELS,
            f"The image is {width}×{height}; at most {limits.max_pixels:,} pixels are accepted.",
        )
    if min(width, height) < limits.min_side:
        raise FrameError(
            FrameFault.TOO_SMALL,
            f"The image is {width}×{height}; the short side needs {limits.min_side} pixels.",
        )
    if kind == "JPEG" and _JPEG_END not in data[-64:]:
        raise FrameError(FrameFault.TRUNCATED, "The JPEG ends too early: part of it is missing.")


def _read_header(data: bytes, formats: Sequence[str]) -> tuple[str, int, int]:
    try:
        with Image.open(io.BytesIO(data), formats=list(formats)) as header:
            return header.format or "", header.width, header.height
    except Image.DecompressionBombError as error:
        raise FrameError(FrameFault.TOO_MANY_PIXELS, str(error)) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        names = " or ".join(formats)
        raise FrameError(
            FrameFault.NOT_AN_IMAGE, f"This is not a readable {names} image."
        ) from error


def fit(picture: Picture, width: int, height: int) -> Picture:
    """Scale BGR uint8 (H, W, 3) to cover (height, width, 3) and cut the middle out of it."""
    scale = max(width / picture.shape[1], height / picture.shape[0])
    size = max(width, round(picture.shape[1] * scale)), max(height, round(picture.shape[0] * scale))
    scaled = cv2.resize(
        picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.asarray(scaled[top : top + height, left : left + width], dtype=np.uint8)
