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
