"""A face in surroundings that it never had.

A camera that is always in the same room teaches the room. Here the middle of one frame, with the face, lies over another
frame, where that one's face was. What such a picture is, nobody knows: only the teachers' opinion of it is learnt
(function matching on unlabelled pictures, Beyer et al., 2022).
"""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from liveness.engine.crops import Box
from liveness.engine.frames import Picture
from training.fas.augment import shrunk, trimmed

_AROUND = 5.0
"""Face sides of the ground that are kept around its face: no patch reaches further."""


def collage(
    picture: Picture, box: Box, ground: Picture, place: Box, rng: Generator
) -> tuple[Picture, Box]:
    """The middle of ``picture`` over ``ground`` (both (H, W, 3) uint8 BGR), its face where the ground's was.

    The middle reaches 0.1 to 1 face sides beyond the face, its edge is hard or soft. The larger of the two faces is shrunk
    to the other's size. Returns the picture and where its face is.
    """
    ground, place = trimmed(ground, place, np.full(4, _AROUND))
    picture, box = trimmed(picture, box, rng.uniform(0.1, 1.0, 4))
    side = min(box.side, place.side)
    picture, box = _of_side(picture, box, side)
    ground, place = _of_side(ground, place, side)
    canvas = ground.astype(np.float32)
    (x, y), (cx, cy) = place.centre, box.centre
    left, top = round(x - cx), round(y - cy)
    rows = slice(max(0, top), min(canvas.shape[0], top + picture.shape[0]))
    columns = slice(max(0, left), min(canvas.shape[1], left + picture.shape[1]))
    inside = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    share = _edge(picture.shape[:2], float(rng.uniform(0, 0.25)) * side)[inside]
    part = canvas[rows, columns]
    part += (picture[inside] - part) * share
    return canvas.astype(np.uint8), Box(box.x + left, box.y + top, box.w, box.h)


def _of_side(picture: Picture, box: Box, side: float) -> tuple[Picture, Box]:
    factor = side / box.side
    return (picture, box) if factor == 1 else shrunk(picture, box, factor, factor)


def _edge(shape: tuple[int, ...], width: float) -> NDArray[np.float32]:
    """(H, W, 1), 0–1: one in the middle, falling off to nothing at the edges within ``width`` pixels."""
    mask = np.zeros((shape[0] + 2, shape[1] + 2), np.uint8)
    mask[1:-1, 1:-1] = 1
    far = np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 3), np.float32)[1:-1, 1:-1, None]
    return np.asarray(np.clip(far / max(width, 1e-6), 0, 1), np.float32)
