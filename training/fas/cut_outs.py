"""Paper that somebody has cut along a head, bent, creased and holds before the own face: masks, and prints without a margin.

A simulation, like all of ``recapture``: outlines are what scissors leave, straight cuts from corner to corner, mostly with
a rim of bare paper; masks have holes for eyes, nose and mouth, through which the wearer's own skin shows.
"""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from liveness.engine.crops import Box
from liveness.engine.frames import Picture

Floats = NDArray[np.float32]

_EYE, _NOSE, _MOUTH = (0.2, -0.1), (0.0, 0.12), (0.0, 0.3)
"""Places in face sides from the centre of a detector's box; the eyes to both sides."""


def cut_out(carrier: Floats, face: Box, rng: Generator, *, holes: bool) -> tuple[Floats, Picture]:
    """A print (H, W, 3), 0–255, cut along the head of ``face``, and what is left of it: (H, W), 0–255."""
    solid = _outline(carrier.shape[0], carrier.shape[1], face, rng)
    if holes:
        _pierce(solid, face, rng)
    paper = _creased(_rimmed(carrier, solid, face, rng), face, rng)
    return _bent(paper, solid, face, rng)


def shaded(scene: Picture, solid: Picture, side: float, rng: Generator) -> Picture:
    """The shadow that paper ``solid`` (H, W), 0–255, before a face of ``side`` pixels throws on what is behind it."""
    dx, dy = rng.normal(0, 0.06, 2) * side
    moved = cv2.warpAffine(
        solid, np.array([[1, 0, dx], [0, 1, dy]]), (solid.shape[1], solid.shape[0])
    )
    dark = cv2.GaussianBlur(moved, (0, 0), 1 + side * rng.uniform(0.01, 0.08))
    gain = 1 - np.float32(rng.uniform(0, 0.6) / 255) * dark.astype(np.float32)
    return np.asarray(scene * gain[..., None], np.uint8)


def _outline(height: int, width: int, face: Box, rng: Generator) -> Picture:
    """A superellipse round the head, cut in 9 to 40 straight snips by an unsteady hand."""
    count = int(rng.integers(9, 41))
    turns = (np.arange(count) + rng.uniform(-0.3, 0.3, count)) * (2 * np.pi / count)
    wide, high = rng.uniform(0.5, 0.85) * face.w, rng.uniform(0.6, 0.95) * face.h
    power = rng.uniform(2, 3)
    cos, sin = np.cos(turns), np.sin(turns)
    reach = (np.abs(cos / wide) ** power + np.abs(sin / high) ** power) ** (-1 / power)
    reach = reach * (1 + rng.normal(0, rng.uniform(0, 0.05), count))
    cx, cy = face.centre
    middle = cy - rng.uniform(0, 0.15) * face.h
    points = np.stack([cx + reach * cos, middle + reach * sin], axis=1)
    solid = np.zeros((height, width), np.uint8)
    cv2.fillPoly(solid, [points.round().astype(np.int32)], (255,), cv2.LINE_AA)
    return solid


def _pierce(solid: Picture, face: Box, rng: Generator) -> None:
    """Holes in place: both eyes mostly, nose and mouth often."""
    if rng.random() < 0.8:
        axes = rng.uniform(0.06, 0.14), rng.uniform(0.03, 0.08)
        for side in (-1, 1):
            _hole(solid, face, (side * _EYE[0], _EYE[1]), axes, side * rng.uniform(-5, 15))
    if rng.random() < 0.5:
        (x, y), wide, high = _NOSE, rng.uniform(0.05, 0.12), rng.uniform(0.08, 0.2)
        corners = np.array([[x, y - high], [x - wide, y + 0.04], [x + wide, y + 0.04]])
        points = corners * (face.w, face.h) + face.centre
        cv2.fillPoly(solid, [points.round().astype(np.int32)], (0,), cv2.LINE_AA)
    if rng.random() < 0.5:
        _hole(solid, face, _MOUTH, (rng.uniform(0.08, 0.2), rng.uniform(0.02, 0.07)), 0)


def _hole(
    solid: Picture,
    face: Box,
    place: tuple[float, float],
    axes: tuple[float, float],
    turn: float,
) -> None:
    centre = round(face.centre[0] + place[0] * face.w), round(face.centre[1] + place[1] * face.h)
    size = max(1, round(axes[0] * face.w)), max(1, round(axes[1] * face.h))
    cv2.ellipse(solid, centre, size, turn, 0, 360, (0,), -1, cv2.LINE_AA)


def _rimmed(carrier: Floats, solid: Picture, face: Box, rng: Generator) -> Floats:
    """Bare paper along every cut, of which scissors leave more or less."""
    if rng.random() < 0.4:
        return carrier
    reach = 2 * max(1, round(face.side * rng.uniform(0.005, 0.035))) + 1
    inside = cv2.erode(solid, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    share = inside.astype(np.float32)[..., None] / 255
    bare = np.float32(rng.uniform(150, 250))
    return np.asarray(carrier * share + bare * (1 - share), np.float32)


def _creased(carrier: Floats, face: Box, rng: Generator) -> Floats:
    """Up to two folds: one side darker than the other, a bright or dark line between, fading away from it."""
    height, width = carrier.shape[:2]
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    gain, line = np.ones((height, width), np.float32), np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(0, 3))):
        turn = rng.uniform(0, np.pi)
        x, y = np.array(face.centre) + rng.normal(0, 0.3, 2) * face.side
        apart = (xs - np.float32(x)) * np.float32(np.cos(turn))
        apart += (ys - np.float32(y)) * np.float32(np.sin(turn))
        fade = np.exp(-np.abs(apart) / np.float32(face.side * rng.uniform(0.05, 0.5)))
        gain += np.float32(rng.uniform(-0.2, 0.2)) * np.sign(apart) * fade
        thin = np.float32(face.side * rng.uniform(0.004, 0.02))
        line += np.float32(rng.uniform(-30, 70)) * np.exp(-((apart / thin) ** 2))
    return np.asarray(carrier * gain[..., None] + line[..., None], np.float32)


def _bent(paper: Floats, solid: Picture, face: Box, rng: Generator) -> tuple[Floats, Picture]:
    """Wound round an upright cylinder, as a head is: the sides are narrower, and one of them darker."""
    height, width = solid.shape
    bend, light = rng.uniform(0.05, 0.85), rng.uniform(-0.5, 0.5)
    u = (np.arange(width, dtype=np.float32) - np.float32(face.centre[0])) / np.float32(face.w)
    turned = np.clip(u * np.float32(bend), -0.95, 0.95)
    source = face.centre[0] + np.arcsin(turned) / bend * face.w
    xs = np.tile(source.astype(np.float32), (height, 1))
    ys = np.tile(np.arange(height, dtype=np.float32)[:, None], (1, width))
    gain = np.sqrt(1 - turned**2) * np.float32(np.cos(light)) + turned * np.float32(np.sin(light))
    gain = np.clip(gain / np.float32(np.cos(light)), 0.3, 1.3)
    moved = cv2.remap(paper, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    left = cv2.remap(solid, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(moved * gain[None, :, None], np.float32), np.asarray(left, np.uint8)
