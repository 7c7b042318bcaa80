"""Fingers that hold what is shown: rounded, lit from one side, in about the skin of the scene's own face."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from liveness.engine.crops import Box
from liveness.engine.frames import Picture

_LEFT, _RIGHT, _BELOW = 0.0, np.pi, -np.pi / 2
"""Directions in which fingers reach in from an edge."""


def fingers(
    scene: Picture, box: Box, extent: tuple[float, float], skin: NDArray[np.float64], rng: Generator
) -> Picture:
    """Up to five fingers side by side over one edge of a carrier round ``box``.

    extent: its half width and half height in face sides, as far as is known; skin: (3,) BGR, 0–255.
    """
    drawn = scene.astype(np.float32)
    inwards = float(rng.choice((_LEFT, _RIGHT, _BELOW)))
    wide, high = extent
    edge = wide if inwards in (_LEFT, _RIGHT) else high
    along = np.array([-np.sin(inwards), np.cos(inwards)])
    into = np.array([np.cos(inwards), np.sin(inwards)])
    thick = max(2.0, box.side * rng.uniform(0.09, 0.17))
    first = rng.uniform(-0.4, 0.9) * high if inwards in (_LEFT, _RIGHT) else rng.uniform(-0.6, 0.6)
    colour = np.clip(skin * rng.uniform(0.8, 1.25) + rng.normal(0, 6, 3), 0, 255)
    light, lean = rng.uniform(-0.2, 0.2), rng.normal(0, 0.35)
    for n in range(int(rng.integers(1, 6))):
        start = np.array(box.centre) - into * edge * box.side * rng.uniform(0.95, 1.15)
        start += along * (first * box.side + n * thick * rng.uniform(0.95, 1.2))
        turn = inwards + lean + rng.normal(0, 0.08)
        reach = thick * rng.uniform(0.6, 2.2)
        end = start + reach * np.array([np.cos(turn), np.sin(turn)])
        back = start - 2 * thick * np.array([np.cos(turn), np.sin(turn)])
        _finger(drawn, (back, end), thick / 2, colour * rng.uniform(0.92, 1.05), light)
    return np.asarray(drawn.clip(0, 255), np.uint8)


def _finger(
    drawn: NDArray[np.float32],
    ends: tuple[NDArray[np.float64], NDArray[np.float64]],
    radius: float,
    colour: NDArray[np.float64],
    light: float,
) -> None:
    """A capsule between two points with the shade of a cylinder and a soft shadow round it, drawn in place."""
    height, width = drawn.shape[:2]
    low = np.floor(np.minimum(*ends) - 2 * radius).astype(int).clip(0)
    high = np.ceil(np.maximum(*ends) + 2 * radius).astype(int).clip(0, (width, height))
    if (high <= low).any():
        return
    ys, xs = np.mgrid[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    axis = ends[1] - ends[0]
    length = float(np.hypot(*axis)) or 1.0
    ux, uy = axis / length
    dx, dy = xs - np.float32(ends[0][0]), ys - np.float32(ends[0][1])
    along = np.clip(dx * ux + dy * uy, 0, length)
    off = np.hypot(dx - along * ux, dy - along * uy) / radius
    side = (dx * -uy + dy * ux) / radius
    round_ = 0.65 + 0.35 * np.sqrt(np.clip(1 - off**2, 0, 1)) + light * np.clip(side, -1, 1)
    shadow = 1 - 0.5 * np.clip(2 - off, 0, 1) ** 2
    inside = np.clip((1 - off) * radius + 0.5, 0, 1)[..., None]
    part = drawn[low[1] : high[1], low[0] : high[0]]
    skin = colour.astype(np.float32) * round_[..., None]
    part[:] = part * shadow[..., None] * (1 - inside) + cv2.GaussianBlur(skin, (0, 0), 0.7) * inside
