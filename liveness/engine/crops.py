"""The one place where a face box becomes network input.

Serving, training, calibration, evaluation and the tests all call these functions, because a box that is padded or
scaled differently in two places changes the verdict.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from liveness.engine.frames import Picture

Patches = NDArray[np.uint8]
"""Patches of one face: (P, S, S, 3), uint8, 0–255, BGR; one patch for each scale of the CropSpec, in its order."""


Square = tuple[int, int, int]
"""Left, top and side in pixels of the frame; may reach outside of it."""

BORDERS = ("reflect", "inside")


class CropError(ValueError):
    """The box or the picture cannot give a crop."""


@dataclass(frozen=True)
class Box:
    """A face box in pixels of the full frame: left, top, width, height. May reach outside the frame."""

    x: float
    y: float
    w: float
    h: float

    @property
    def centre(self) -> tuple[float, float]:
        return self.x + self.w / 2, self.y + self.h / 2

    @property
    def side(self) -> float:
        """Side of the square at scale 1.0: the longer side of the box."""
        return max(self.w, self.h)

    def iou(self, other: "Box") -> float:
        """Intersection over union with another box, 0–1."""
        width = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        height = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        shared = max(width, 0.0) * max(height, 0.0)
        return shared / (self.w * self.h + other.w * other.h - shared) if shared else 0.0


@dataclass(frozen=True)
class CropSpec:
    """How a face becomes network input; travels in the bundle's manifest.

    scales: side of each square patch in multiples of ``Box.side``; size: pixels of a patch's side after resizing;
    channels: "BGR" or "RGB"; a value v in 0–255 becomes (v - mean) / std. border: what a square that reaches over the
    frame's edge holds: "reflect" mirrors the frame there; "inside" shrinks and shifts the square until it fits, so that
    a patch never shows anything that the camera did not see.
    """

    scales: tuple[float, ...]
    size: int
    channels: str = "BGR"
    mean: float = 0.0
    std: float = 255.0
    border: str = "reflect"

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) <= 0 or max(self.scales) > 8:
            raise CropError(f"Scales must lie in (0, 8], got {self.scales}.")
        if not 16 <= self.size <= 512:
            raise CropError(f"Size must lie in 16–512 pixels, got {self.size}.")
        if self.channels not in ("BGR", "RGB") or self.std <= 0:
            raise CropError("Channels must be BGR or RGB and std positive.")
        if self.border not in BORDERS:
            raise CropError(f"The border must be one of {', '.join(BORDERS)}, got {self.border!r}.")

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Shape of one network input (3·P, S, S)."""
        return 3 * len(self.scales), self.size, self.size


def patches(picture: Picture, box: Box, spec: CropSpec) -> Patches:
    """Cut one face into (P, S, S, 3) uint8 BGR patches: squares around the box centre, bordered as the spec says.

    Raises CropError when the box is empty, not finite, or lies wholly outside the picture.
    """
    _check(picture, box)
    found = np.empty((len(spec.scales), spec.size, spec.size, 3), np.uint8)
    squares = [_square(picture, box, scale, spec) for scale in spec.scales]
    for place, square in enumerate(squares):
        # Near a camera, the two widest squares are both as large as the frame: the same one.
        first = squares.index(square)
        found[place] = found[first] if first < place else _patch(picture, square, spec.size)
    return found


def tensor(batch: Sequence[Patches] | Patches, spec: CropSpec) -> NDArray[np.float32]:
    """Turn patches (N, P, S, S, 3) uint8 BGR into network input (N, 3·P, S, S) float32, normalised by the spec."""
    stacked = np.asarray(batch, dtype=np.uint8)
    n, p, height, width, _ = stacked.shape
    if spec.channels == "RGB":
        stacked = stacked[..., ::-1]
    planes = stacked.transpose(0, 1, 4, 2, 3).reshape(n, 3 * p, height, width).astype(np.float32)
    planes -= np.float32(spec.mean)
    planes /= np.float32(spec.std)
    return planes


def _check(picture: Picture, box: Box) -> None:
    height, width = picture.shape[:2]
    values = (box.x, box.y, box.w, box.h)
    if not np.isfinite(values).all() or box.w < 2 or box.h < 2:
        raise CropError(f"The face box {values} is empty or not finite.")
    if box.x >= width or box.y >= height or box.x + box.w <= 0 or box.y + box.h <= 0:
        raise CropError(f"The face box {values} lies outside the {width}×{height} picture.")
    if box.side > 4 * max(width, height):
        raise CropError(f"The face box {values} is far larger than the {width}×{height} picture.")


def _square(picture: Picture, box: Box, scale: float, spec: CropSpec) -> Square:
    """The square around the box; with the border "inside", the one of at most the frame's shorter side that lies inside
    the frame, as near to the box as it can."""
    height, width = picture.shape[:2]
    side = max(2, round(box.side * scale))
    if spec.border == "inside":
        side = min(side, height, width)
    left, top = (round(c - side / 2) for c in box.centre)
    if spec.border == "inside":
        left, top = min(max(left, 0), width - side), min(max(top, 0), height - side)
    return left, top, side


def _patch(picture: Picture, square: Square, size: int) -> Picture:
    """What the square shows, mirrored where it reaches over the frame's edge, ``size`` pixels wide."""
    height, width = picture.shape[:2]
    left, top, side = square
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    cut = picture[y0:y1, x0:x1]
    if cut.shape[:2] != (side, side):
        margins = y0 - top, top + side - y1, x0 - left, left + side - x1
        cut = np.asarray(cv2.copyMakeBorder(cut, *margins, borderType=cv2.BORDER_REFLECT_101))
    shrink = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(cut, (size, size), interpolation=shrink), dtype=np.uint8)
