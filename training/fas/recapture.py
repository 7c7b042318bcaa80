"""Simulated recapture: what a bona fide frame could look like when shown to the camera on a screen or on paper.

A simulation, not evidence: it adds attack variety to training in a small share and is never used in an evaluation.
The steps follow the light: display or print → flat carrier held before the scene → camera. Everything is BGR uint8.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from liveness.engine.crops import Box, CropSpec, patches
from liveness.engine.frames import Picture
from training.fas.cut_outs import Floats, cut_out, shaded

SPECIES = ("screen", "print", "mask")
_SHARES = (0.5, 0.275, 0.225)
_CUT_ALONG = 0.35
"""Share of the prints that are cut along the head, as masks are."""
_CANVAS = 384
_FACE = CropSpec((0.6,), 16)


@dataclass(frozen=True)
class Shown:
    """What the attacker displays: a picture (H, W, 3) uint8 BGR and the box of its face."""

    picture: Picture
    box: Box


def recapture(
    picture: Picture, box: Box, rng: Generator, shown: Shown | None = None
) -> tuple[Picture, Box, str]:
    """Hold a face up to the camera of a bona fide frame, on a screen or a print: frame, new face box, PAI species.

    shown: whose face; without it the frame's own. The result has the size of ``picture``. Near attacks fill the view,
    far ones show the carrier's edge, a hand and the scene.
    """
    species = str(rng.choice(SPECIES, p=_SHARES))
    skin = patches(picture, box, _FACE)[0].mean(axis=(0, 1))
    along = species == "mask" or (species == "print" and rng.random() < _CUT_ALONG)
    content, face = _cut(shown or Shown(picture, box), 2.6 if along else 6.0, rng)
    carrier = (_screen if species == "screen" else _print)(content.astype(np.float32), rng)
    if along:
        carrier, solid = cut_out(carrier, face, rng, holes=species == "mask")
    else:
        carrier, face = _frame(carrier, face, species, rng)
        solid = np.full(carrier.shape[:2], 255, np.uint8)
    result, placed = _hold(picture, (carrier, solid), face, box, rng)
    if rng.random() < 0.4:
        result = _fingers(result, placed, carrier.shape[0] / face.side, skin, rng)
    return result, placed, species


def _cut(shown: Shown, most: float, rng: Generator) -> tuple[Picture, Box]:
    """The part of the picture that the attacker displays, of 1.3 to ``most`` face sides, on a canvas with a longer side of
    _CANVAS pixels."""
    picture, box = shown.picture, shown.box
    height, width = picture.shape[:2]
    side = box.side * float(np.exp(rng.uniform(np.log(1.3), np.log(most))))
    cx, cy = box.centre
    x0, y0 = max(0, int(cx - side / 2)), max(0, int(cy - side / 2))
    x1, y1 = min(width, int(cx + side / 2) + 1), min(height, int(cy + side / 2) + 1)
    factor = _CANVAS / max(x1 - x0, y1 - y0)
    size = max(8, round((x1 - x0) * factor)), max(8, round((y1 - y0) * factor))
    content = cv2.resize(picture[y0:y1, x0:x1], size, interpolation=cv2.INTER_LINEAR)
    face = Box((box.x - x0) * factor, (box.y - y0) * factor, box.w * factor, box.h * factor)
    return np.asarray(content, np.uint8), face


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
    """Ink on paper: another gamut, often a far smaller one, lifted black, halftone or toner grain, gloss."""
    grey = shown.mean(axis=2, keepdims=True)
    gamut = rng.uniform(0.0, 0.85) if rng.random() < 0.4 else rng.uniform(0.7, 1.2)
    faded = grey + (shown - grey) * np.float32(gamut)
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
    """A dark or bright bezel round a screen, a white margin round a print; sometimes neither is there."""
    if rng.random() < 0.2:
        return carrier, face
    narrow, wide = (int(value * _CANVAS) for value in np.sort(rng.uniform(0.01, 0.14, 2)))
    dark = species == "screen" and rng.random() < 0.8
    shade = rng.uniform(0, 50) if dark else rng.uniform(130, 245)
    edged = cv2.copyMakeBorder(
        carrier, wide, wide, narrow, narrow, cv2.BORDER_CONSTANT, value=(shade, shade, shade)
    )
    return np.asarray(edged, np.float32), Box(face.x + narrow, face.y + wide, face.w, face.h)


def _hold(
    scene: Picture, held: tuple[Floats, Picture], face: Box, box: Box, rng: Generator
) -> tuple[Picture, Box]:
    """Hold a carrier and its outline, turned and tilted a little, where its face comes near the place and size of the old one."""
    carrier, solid = held
    grow = box.side / face.side * rng.uniform(0.8, 1.25)
    turn = rng.normal(0, 0.06)
    cos, sin = grow * np.cos(turn), grow * np.sin(turn)
    (fx, fy), (bx, by) = face.centre, box.centre
    tilt = rng.normal(0, 0.1, 2) / max(carrier.shape[:2])
    flat = np.array([[cos, -sin, bx], [sin, cos, by], [0, 0, 1]])
    leaning = np.array([[1, 0, 0], [0, 1, 0], [*tilt, 1]])
    homography = flat @ leaning @ np.array([[1, 0, -fx], [0, 1, -fy], [0, 0, 1.0]])
    height, width = scene.shape[:2]
    filled = np.clip(carrier, 0, 255).astype(np.uint8)
    drawn = cv2.warpPerspective(filled, homography, (width, height), flags=cv2.INTER_LINEAR)
    mask = cv2.warpPerspective(solid, homography, (width, height))
    if not solid.all():  # cut out
        scene = shaded(scene, np.asarray(mask, np.uint8), box.side, rng)
    soft = cv2.GaussianBlur(mask, (0, 0), 0.8).astype(np.float32)[..., None] / 255
    result = scene + (drawn.astype(np.float32) - scene) * soft
    w, h = face.w * grow, face.h * grow
    return np.asarray(result, np.uint8), Box(bx - w / 2, by - h / 2, w, h)


def _fingers(
    scene: Picture, box: Box, reach: float, skin: NDArray[np.float64], rng: Generator
) -> Picture:
    """A few finger-like shapes in about the scene's own colours at the carrier's lower half; ``reach``: its height in
    face sides."""
    drawn = scene.copy()
    thick = max(2, round(box.side * rng.uniform(0.08, 0.16)))
    left = 1 if rng.random() < 0.5 else -1
    for n in range(int(rng.integers(1, 5))):
        x = box.centre[0] + left * box.side * rng.uniform(0.6, 1.1)
        y = box.centre[1] + box.side * min(reach / 2, 1.6) * rng.uniform(0.2, 0.9) + n * thick
        axes = round(thick * rng.uniform(1.5, 3.0)), thick // 2 + 1
        colour = [float(c) for c in np.clip(skin * rng.uniform(0.6, 1.2), 0, 255)]
        angle = float(rng.uniform(-25, 25))
        cv2.ellipse(drawn, (round(x), round(y)), axes, angle, 0, 360, colour, -1, cv2.LINE_AA)
    return drawn
