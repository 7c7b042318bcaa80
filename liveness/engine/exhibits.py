"""Pictures made for a reviewer's eyes: frames without metadata, the network's crops, the face's spectrum."""

import io

import cv2
import numpy as np
from PIL import ExifTags, Image

from liveness.engine import crops, frames
from liveness.engine.crops import Box, CropSpec
from liveness.engine.frames import FrameError, FrameFault
from liveness.engine.spectrum import log_spectrum

_FACE = CropSpec(scales=(1.0,), size=256)
_SIDEWAYS = range(5, 9)


def clean_jpeg(jpeg: bytes) -> bytes:
    """The same picture encoded anew: no EXIF, no comments, no thumbnails. Raises FrameError."""
    return frames.encode_jpeg(frames.decode(jpeg))


def small_jpeg(jpeg: bytes, longest: int) -> tuple[bytes, float]:
    """The picture, no side longer than ``longest`` pixels, and its size in parts of the original's (0–1].

    Encoded anew, as by ``clean_jpeg``. Raises FrameError.
    """
    picture = frames.decode(jpeg)
    height, width = picture.shape[:2]
    scale = min(1.0, longest / max(height, width))
    if scale == 1.0:
        return frames.encode_jpeg(picture), scale
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return frames.encode_jpeg(np.asarray(small, dtype=np.uint8)), scale


def crop_png(jpeg: bytes, box: Box, scale: float, size: int) -> bytes:
    """What the network saw of a face at one scale, size×size pixels, as PNG. Raises FrameError and CropError."""
    spec = CropSpec(scales=(scale,), size=size)
    return _png(crops.patches(frames.decode(jpeg), box, spec)[0])


def spectrum_png(jpeg: bytes, box: Box) -> bytes:
    """Log-magnitude spectrum of the face crop at 256 px, as PNG. Raises FrameError and CropError."""
    return _png(log_spectrum(crops.patches(frames.decode(jpeg), box, _FACE)[0]))


def upright_size(jpeg: bytes) -> tuple[int, int]:
    """Width and height after the EXIF rotation that decoding applies, from the header alone. Raises FrameError."""
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as header:
            turned = header.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS
            return (header.height, header.width) if turned else header.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FrameError(FrameFault.NOT_AN_IMAGE, "This is not a readable JPEG image.") from error


def _png(picture: np.ndarray) -> bytes:
    ok, data = cv2.imencode(".png", picture)
    if not ok:
        raise FrameError(FrameFault.NOT_AN_IMAGE, "The picture could not be encoded as PNG.")
    return bytes(data)
