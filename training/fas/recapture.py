"""Simulated recapture: what a bona fide frame could look like when shown to the camera on a screen or on paper.

A simulation, not evidence: it adds attack variety to training in a small share and is never used in an evaluation.
The steps follow the light: display or print → flat carrier held before the scene → camera. Everything is BGR uint8.
"""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from liveness.engine.crops import Box
from liveness.engine.frames import Picture

Floats = NDArray[np.float32]
SPECIES = ("screen", "print")
_CANVAS = 384


def recapture(picture: Picture, box: Box, rng: Generator) -> tuple[Picture, Box, str]:
    """Show the face of a bona fide frame again on a screen or a print: frame, new face box, PAI species.

    The result has the size of ``picture``. Near attacks fill the view, far ones show the carrier's edge and the scene.
    """
    species = str(rng.choice(SPECIES))
    shown, face = _cut(picture, box, rng)
    carrier = (_screen if species == "screen" else _print)(shown.astype(np.float32), rng)
    carrier, face = _frame(carrier, face, species, rng)
    result, placed = _hold(picture, carrier, face, box, rng)
    return result, placed, species


def _cut(picture: Picture, box: Box, rng: Generator) -> tuple[Picture, Box]:
    """The part of the frame that the attacker displays, on a canvas with a longer side of _CANVAS pixels."""
    height, width = picture.shape[:2]
    side = box.side * rng.uniform(1.3, 3.5)
    cx, cy = box.centre
    x0, y0 = max(0, int(cx - side / 2)), max(0, int(cy - side / 2))
    x1, y1 = min(width, int(cx + side / 2) + 1), min(height, int(cy + side / 2) + 1)
    factor = _CANVAS / max(x1 - x0, y1 - y0)
    size = max(8, round((x1 - x0) * factor)), max(8, round((y1 - y0) * factor))
    shown = cv2.resize(picture[y0:y1, x0:x1], size, interpolation=cv2.INTER_LINEAR)
    face = Box((box.x - x0) * factor, (box.y - y0) * factor, box.w * factor, box.h * factor)
    return np.asarray(shown, np.uint8), face


def _screen(shown: Floats, rng: Generator) -> Floats:
    """Display gamma and backlight tint, then moiré: the pixel grid sampled near the camera's own grid."""
    bright = 255 * (shown / 255) ** np.float32(rng.uniform(0.7, 1.4))
    tint = np.array([1.1, 1.0, 0.92], np.float32) ** np.float32(rng.uniform(-0.5, 1.5))
    lit = bright * tint * np.float32(rng.uniform(0.8, 1.25)) + np.float32(rng.uniform(0, 25))
    return _glare(lit * _moire(shown.shape[0], shown.shape[1], rng), rng)


def _moire(height: int, width: int, rng: Generator) -> Floats:
    """Gain (H, W, 3) around 1: two crossed gratings; a lag between the colour channels gives the rainbow."""
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    gain = np.ones((height, width, 3), np.float32)
    tilt = rng.uniform(-0.3, 0.3)
    for angle in (tilt, tilt + np.pi / 2 + rng.normal(0, 0.03)):
        period = rng.uniform(2.1, 14.0)
        phase = (xs * np.cos(angle) + ys * np.sin(angle)) * np.float32(2 * np.pi / period)
        depth = np.float32(rng.uniform(0.0, 0.12))
        lag = np.float32(rng.uniform(0, 2.1))
        for channel in range(3):
            gain[..., channel] += depth * np.sin(phase + channel * lag)
    return gain


def _print(shown: Floats, rng: Generator) -> Floats:
    """Ink on paper: smaller gamut, lifted black, halftone or toner grain, gloss."""
    grey = shown.mean(axis=2, keepdims=True)
    faded = grey + (shown - grey) * np.float32(rng.uniform(0.0, 0.85))
    black, white = rng.uniform(15, 70), rng.uniform(170, 245)
    paper = np.array([0.95, 0.99, 1.0], np.float32) ** np.float32(rng.uniform(0, 2))
    inked = (np.float32(black) + faded * np.float32((white - black) / 255)) * paper
    return _glare(inked * _halftone(shown.shape[0], shown.shape[1], rng), rng)


def _halftone(height: int, width: int, rng: Generator) -> Floats:
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    turn, period = rng.uniform(0, np.pi / 2), rng.uniform(2.0, 5.0)
    u = (xs * np.cos(turn) + ys * np.sin(turn)) * np.float32(2 * np.pi / period)
    v = (ys * np.cos(turn) - xs * np.sin(turn)) * np.float32(2 * np.pi / period)
    dots = np.sin(u) * np.sin(v) * np.float32(rng.uniform(0, 0.12))
    grain = rng.standard_normal((height, width), dtype=np.float32) * np.float32(
        rng.uniform(0, 0.04)
    )
    return np.asarray(1 + dots + grain, np.float32)[..., None]


def _glare(lit: Floats, rng: Generator) -> Floats:
    """A soft bright spot and a slope of brightness: a flat, shiny surface in the room's light."""
    height, width = lit.shape[:2]
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    cx, cy = rng.uniform(0, width), rng.uniform(0, height)
    radius = rng.uniform(0.1, 0.5) * max(height, width)
    spot = np.exp(-((xs - cx) ** 2 + (ys - cy) ** 2) / np.float32(2 * radius**2))
    strength = rng.uniform(0, 110) if rng.random() < 0.5 else 0.0
    slope = 1 + np.float32(rng.uniform(-0.25, 0.25)) * (xs / width - 0.5)
    return np.asarray(lit * slope[..., None] + (spot * strength)[..., None], np.float32)


def _frame(carrier: Floats, face: Box, species: str, rng: Generator) -> tuple[Floats, Box]:
    """A dark bezel round a screen, a white margin round a print; sometimes neither is there."""
    margin = int(rng.uniform(0.02, 0.1) * _CANVAS) if rng.random() < 0.75 else 0
    shade = rng.uniform(0, 50) if species == "screen" else rng.uniform(150, 245)
    edged = np.full(
        (carrier.shape[0] + 2 * margin, carrier.shape[1] + 2 * margin, 3), shade, np.float32
    )
    edged[margin : edged.shape[0] - margin, margin : edged.shape[1] - margin] = carrier
    return edged, Box(face.x + margin, face.y + margin, face.w, face.h)


def _hold(
    scene: Picture, carrier: Floats, face: Box, box: Box, rng: Generator
) -> tuple[Picture, Box]:
    """Hold the carrier, slightly turned, where its face comes near the place and size of the old one."""
    grow = box.side / face.side * rng.uniform(0.8, 1.25)
    turn = rng.normal(0, 0.06)
    cos, sin = grow * np.cos(turn), grow * np.sin(turn)
    (fx, fy), (bx, by) = face.centre, box.centre
    affine = np.array(
        [[cos, -sin, bx - cos * fx + sin * fy], [sin, cos, by - sin * fx - cos * fy]], np.float32
    )
    height, width = scene.shape[:2]
    filled = np.clip(carrier, 0, 255).astype(np.uint8)
    drawn = cv2.warpAffine(filled, affine, (width, height), flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(np.full(filled.shape[:2], 255, np.uint8), affine, (width, height))
    result = np.where(mask[..., None] > 127, drawn, scene)
    w, h = face.w * grow, face.h * grow
    return np.asarray(result, np.uint8), Box(bx - w / 2, by - h / 2, w, h)
