"""Generated pictures, and faces that are claimed to be in them."""

import numpy as np
from numpy.typing import NDArray

from liveness.engine.crops import Box
from liveness.engine.faces import Face
from liveness.engine.frames import Picture

BOX = Box(260.0, 160.0, 120.0, 150.0)


def textured(width: int = 640, height: int = 480, mean: float = 120.0, seed: int = 0) -> Picture:
    """Smooth shading with texture: (height, width, 3) uint8 around ``mean``."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(0, 22, (height // 4 + 1, width // 4 + 1, 3))
    fine = coarse.repeat(4, 0).repeat(4, 1)[:height, :width]
    return np.clip(mean + fine, 0, 255).astype(np.uint8)


def flat(width: int = 640, height: int = 480, value: int = 120) -> Picture:
    return np.full((height, width, 3), value, np.uint8)


def gradient(width: int = 640, height: int = 480) -> Picture:
    """Every pixel tells its place: blue grows to the right, green downwards."""
    x = np.linspace(0, 255, width).astype(np.uint8)
    y = np.linspace(0, 255, height).astype(np.uint8)
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0], picture[..., 1] = x[None], y[:, None]
    return picture


def landmarks(
    box: Box, turn: float = 0.0, tilt: float = 0.0, nod: float = 0.0
) -> NDArray[np.float32]:
    """Five points of an upright face; turn and nod move the nose by eye distances, tilt rolls it by degrees."""
    points = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.58), (0.35, 0.75), (0.65, 0.75)])
    points[2] += (0.4 * turn, 0.4 * nod)
    points = points * (box.w, box.h) + (box.x, box.y)
    centre, angle = points.mean(axis=0), np.radians(tilt)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray((points - centre) @ rotation + centre, dtype=np.float32)


def face(box: Box = BOX, turn: float = 0.0, tilt: float = 0.0, nod: float = 0.0) -> Face:
    return Face(box, 0.9, landmarks(box, turn, tilt, nod))
