"""How much red, green and blue light comes from the face, and from what is behind it, in one frame."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from liveness.engine import frames
from liveness.engine.crops import Box
from liveness.engine.frames import Picture
from liveness.engine.hues import decode

_LINEAR = decode(np.arange(256) / 255).astype(np.float32)
# Grey levels at which a channel is clipped or drowned in noise: such a pixel says nothing of the light.
_DARK, _CLIPPED = 6, 249
# Shares of the face box: the skin that is measured, and what is kept free around the face for hair, hands and sway.
_SKIN = 0.72
_FREE = 0.45
# Least share of the frame that is background, and of its and the skin's pixels that can be measured.
_LEAST_BEHIND = 0.05
_LEAST_CLEAR = 0.25


@dataclass(frozen=True)
class Sample:
    """One frame. at: seconds; face, behind: mean linear light (3,), RGB, 0–1; behind is None where nothing can be seen."""

    at: float
    face: NDArray[np.float64]
    behind: NDArray[np.float64] | None


def of_frame(jpeg: bytes, box: Box, at: float) -> Sample | None:
    """``measure`` for a JPEG frame and the box of its face in pixels. Raises FrameError."""
    by = 1 / frames.SHRINK
    return measure(frames.shrunk(jpeg), Box(box.x * by, box.y * by, box.w * by, box.h * by), at)


def measure(picture: Picture, box: Box, at: float) -> Sample | None:
    """Light of the face in BGR uint8 (H, W, 3) and of the background beside and above it.

    None when the skin is clipped or too dark to be measured. The body below the chin belongs to neither: the screen
    lights it too.
    """
    height, width = picture.shape[:2]
    clear = (picture.max(axis=2) < _CLIPPED) & (picture.max(axis=2) > _DARK)
    skin = np.zeros((height, width), np.uint8)
    middle = round(box.x + box.w / 2), round(box.y + box.h / 2)
    axes = max(1, round(_SKIN * box.w / 2)), max(1, round(_SKIN * box.h / 2))
    cv2.ellipse(skin, middle, axes, 0, 0, 360, 1, -1)
    face = _mean(picture, skin > 0, clear)
    if face is None:
        return None
    behind = _behind(box, width, height)
    seen = behind.mean() >= _LEAST_BEHIND
    return Sample(at, face, _mean(picture, behind, clear) if seen else None)


def _behind(box: Box, width: int, height: int) -> NDArray[np.bool_]:
    mask = np.zeros((height, width), bool)
    mask[: max(0, round(box.y + box.h))] = True
    left, right = box.x - _FREE * box.w, box.x + box.w * (1 + _FREE)
    top = box.y - _FREE * box.h
    mask[max(0, round(top)) :, max(0, round(left)) : max(0, round(right))] = False
    return mask


def _mean(
    picture: Picture, region: NDArray[np.bool_], clear: NDArray[np.bool_]
) -> NDArray[np.float64] | None:
    """(3,) RGB over the clear pixels of a region; None when too few are."""
    used = region & clear
    total = int(region.sum())
    if total == 0 or used.sum() < _LEAST_CLEAR * total:
        return None
    return np.asarray(_LINEAR[picture[used]].mean(axis=0)[::-1], dtype=np.float64)
