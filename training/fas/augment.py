"""Random change of light, lens, sensor and codec, the same for bona fide and attack frames.

What only one class goes through is what a network learns. Every function takes and gives BGR uint8.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from liveness.engine.crops import Box, Patches
from liveness.engine.frames import Picture

_RAMP = np.linspace(0, 1, 256)


@dataclass(frozen=True)
class Strength:
    """How hard to shake. Probabilities are per frame; ``scale`` and ``shift`` are fractions of the box."""

    scale: float = 0.25
    shift: float = 0.08
    light: float = 0.9
    saturation: float = 0.5
    blur: float = 0.2
    shrink: float = 0.25
    noise: float = 0.35
    jpeg: float = 0.4
    drop: float = 0.15
    tight: float = 0.12


def jitter(box: Box, strength: Strength, rng: Generator) -> Box:
    """Move and scale a box the way two detectors would disagree about it; the scale is log-uniform."""
    limit = np.log1p(strength.scale)
    factor = float(np.exp(rng.uniform(-limit, limit)))
    dx, dy = rng.uniform(-strength.shift, strength.shift, 2) * box.side
    (cx, cy), w, h = box.centre, box.w * factor, box.h * factor
    return Box(cx + dx - w / 2, cy + dy - h / 2, w, h)


def tighten(picture: Picture, box: Box, rng: Generator) -> tuple[Picture, Box]:
    """Cut the frame close around the face, as if the camera had seen no context at all."""
    margin = rng.uniform(0.05, 0.6) * box.side
    height, width = picture.shape[:2]
    x0, y0 = max(0, int(box.x - margin)), max(0, int(box.y - margin))
    x1 = min(width, int(box.x + box.w + margin))
    y1 = min(height, int(box.y + box.h + margin))
    if x1 - x0 < 16 or y1 - y0 < 16:
        return picture, box
    return picture[y0:y1, x0:x1], Box(box.x - x0, box.y - y0, box.w, box.h)


def shake(faces: Patches, strength: Strength, rng: Generator) -> Patches:
    """Augment the patches of one face (P, S, S, 3): one light, lens and codec for all of them."""
    count, size = faces.shape[:2]
    strip = faces.reshape(count * size, size, 3)
    if rng.random() < 0.5:
        strip = strip[:, ::-1]
    strip = _light(np.ascontiguousarray(strip), strength, rng)
    strip = _lens(strip, count, strength, rng)
    strip = _codec(strip, strength, rng)
    return _drop(strip.reshape(faces.shape), strength, rng)


def light_table(rng: Generator) -> NDArray[np.uint8]:
    """A random camera response (256, 1, 3) for cv2.LUT: exposure, contrast, gamma and colour temperature."""
    gamma = np.exp(rng.normal(0, 0.35))
    gain = np.exp(rng.normal(0, 0.22))
    contrast, offset = np.exp(rng.normal(0, 0.2)), rng.normal(0, 0.07)
    tint = np.exp(np.array([1.0, 0.3, -1.0]) * rng.normal(0, 0.12) + rng.normal(0, 0.04, 3))
    curve = ((_RAMP**gamma * gain)[:, None] * tint - 0.5) * contrast + 0.5 + offset
    return np.asarray(np.clip(curve * 255, 0, 255), np.uint8).reshape(256, 1, 3)


def _light(strip: Picture, strength: Strength, rng: Generator) -> Picture:
    if rng.random() < strength.light:
        strip = np.asarray(cv2.LUT(strip, light_table(rng)), np.uint8)
    if rng.random() < strength.saturation:
        grey = cv2.cvtColor(cv2.cvtColor(strip, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        amount = float(rng.uniform(0.0, 1.6))
        strip = np.asarray(cv2.addWeighted(strip, amount, grey, 1 - amount, 0), np.uint8)
    return strip


def _lens(strip: Picture, count: int, strength: Strength, rng: Generator) -> Picture:
    if rng.random() < strength.blur:
        strip = np.asarray(cv2.GaussianBlur(strip, (0, 0), float(rng.uniform(0.4, 1.4))), np.uint8)
    if rng.random() < strength.shrink:
        strip = _shrink(strip, count, float(rng.uniform(0.4, 0.95)))
    return strip


def _shrink(strip: Picture, count: int, factor: float) -> Picture:
    height, width = strip.shape[:2]
    small = max(8, round(width * factor))
    less = cv2.resize(strip, (small, small * count), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(less, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _codec(strip: Picture, strength: Strength, rng: Generator) -> Picture:
    if rng.random() < strength.noise:
        strip = _noise(strip, float(rng.uniform(1, 14)), rng)
    if rng.random() < strength.jpeg:
        quality = int(rng.integers(25, 95))
        _, data = cv2.imencode(".jpg", strip, [cv2.IMWRITE_JPEG_QUALITY, quality])
        strip = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return strip


def _noise(strip: Picture, sigma: float, rng: Generator) -> Picture:
    """Sensor noise, sometimes grey only and sometimes coarse, as small sensors give in the dark."""
    height, width = strip.shape[:2]
    coarse = int(rng.integers(1, 3))
    shape = (-(-height // coarse), -(-width // coarse), 1 if rng.random() < 0.4 else 3)
    grain = (rng.standard_normal(shape, dtype=np.float32) * sigma).repeat(coarse, 0)
    grain = grain.repeat(coarse, 1)[:height, :width]
    return np.asarray(np.clip(strip + grain, 0, 255), np.uint8)


def _drop(faces: Patches, strength: Strength, rng: Generator) -> Patches:
    """Blank whole patches with a random grey, so that no scale alone carries the verdict; one always stays."""
    gone = rng.random(len(faces)) < strength.drop
    if gone.all():
        gone[rng.integers(len(faces))] = False
    if gone.any():
        faces = faces.copy()
        faces[gone] = rng.integers(0, 256)
    return faces
