"""Random change of framing, light, lens, sensor and codec, the same for bona fide and attack frames.

What only one class goes through is what a network learns. The change happens to the picture, before any patch is cut, so
that all patches of a face, and the teachers, see one and the same camera. Every function takes and gives BGR uint8.
"""

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from liveness.engine.crops import Box, Patches
from liveness.engine.frames import Picture

_RAMP = np.linspace(0, 1, 256)
_GRAIN = 512
_LEAST = 24
_FARTHEST_SHIFT = 0.22


@dataclass(frozen=True)
class Strength:
    """How hard to shake. Probabilities are per frame; ``scale``, ``shift`` and ``aspect`` are fractions of the box.

    near, far: limits of the face's side in pixels after a random change of distance; a face never grows.
    trim: share of frames whose edges are moved in; tight: share that is cut close around the face, without surroundings.
    """

    scale: float = 0.25
    shift: float = 0.09
    aspect: float = 0.06
    near: float = 190.0
    far: float = 75.0
    trim: float = 0.48
    tight: float = 0.12
    flip: float = 0.5
    light: float = 0.85
    saturation: float = 0.5
    slope: float = 0.3
    lens: float = 0.5
    noise: float = 0.4
    jpeg: float = 0.6
    drop: float = 0.1

    def softened(self, share: float) -> "Strength":
        """``share`` (0–1) of the chances of every change; boxes move as before, and faces shrink less.

        Teachers that see a picture too far from what they learnt on say little about it.
        """
        chances = ("trim", "tight", "light", "saturation", "slope", "lens", "noise", "jpeg")
        fewer = {name: share * getattr(self, name) for name in (*chances, "aspect")}
        return replace(self, **fewer, near=self.near / share, far=self.far / share**0.3)


STILL = Strength(
    scale=0,
    shift=0,
    aspect=0,
    near=1e9,
    far=1e9,
    trim=0,
    tight=0,
    flip=0,
    light=0,
    saturation=0,
    slope=0,
    lens=0,
    noise=0,
    jpeg=0,
    drop=0,
)
"""No change at all."""


def shake(picture: Picture, box: Box, strength: Strength, rng: Generator) -> tuple[Picture, Box]:
    """Another framing, distance, side, light, lens, sensor and codec for one frame, and where its face is then."""
    picture, box = _framed(picture, box, strength, rng)
    picture, box = _distant(picture, box, strength, rng)
    if rng.random() < strength.flip:
        picture, box = mirrored(picture, box)
    return toned(picture, strength, rng), box


def toned(picture: Picture, strength: Strength, rng: Generator) -> Picture:
    """Another light, lens, sensor and codec; nothing moves."""
    return _sensor(_lens(_light(picture, strength, rng), strength, rng), strength, rng)


def jitter(box: Box, scale: float, shift: float, rng: Generator) -> Box:
    """Move and scale a box the way two detectors would disagree about it.

    The scale is log-uniform within ± ``scale``; the shift is normal with a deviation of ``shift`` sides, cut at 0.22.
    """
    limit = np.log1p(scale)
    factor = float(np.exp(rng.uniform(-limit, limit)))
    shifts = np.clip(rng.normal(0, 1, 2) * shift, -_FARTHEST_SHIFT, _FARTHEST_SHIFT)
    (cx, cy), w, h = box.centre, box.w * factor, box.h * factor
    dx, dy = (float(value) * box.side for value in shifts)
    return Box(cx + dx - w / 2, cy + dy - h / 2, w, h)


def mirrored(picture: Picture, box: Box) -> tuple[Picture, Box]:
    """The frame as a mirror shows it."""
    flipped = np.ascontiguousarray(picture[:, ::-1])
    return flipped, Box(picture.shape[1] - box.x - box.w, box.y, box.w, box.h)


def trimmed(picture: Picture, box: Box, margins: NDArray[np.float64]) -> tuple[Picture, Box]:
    """Keep ``margins`` (4,) face sides left, above, right and below of the box, where the frame has them."""
    height, width = picture.shape[:2]
    left, above, right, below = margins * box.side
    x0, y0 = max(0, int(box.x - left)), max(0, int(box.y - above))
    x1 = min(width, int(box.x + box.w + right))
    y1 = min(height, int(box.y + box.h + below))
    if x1 - x0 < _LEAST or y1 - y0 < _LEAST:
        return picture, box
    return picture[y0:y1, x0:x1], Box(box.x - x0, box.y - y0, box.w, box.h)


def shrunk(picture: Picture, box: Box, fx: float, fy: float) -> tuple[Picture, Box]:
    """The frame with its width times ``fx`` and its height times ``fy``, both at most about one."""
    height, width = picture.shape[:2]
    size = max(8, round(width * fx)), max(8, round(height * fy))
    fx, fy = size[0] / width, size[1] / height
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), Box(box.x * fx, box.y * fy, box.w * fx, box.h * fy)


def dropped(patches: Patches, share: float, rng: Generator) -> Patches:
    """Blank whole patches of (P, S, S, 3) with a random grey, so that no scale alone decides; one always stays."""
    gone = rng.random(len(patches)) < share
    if gone.all():
        gone[rng.integers(len(patches))] = False
    if gone.any():
        patches = patches.copy()
        patches[gone] = rng.integers(0, 256)
    return patches


def light_table(rng: Generator) -> NDArray[np.uint8]:
    """A random camera response (256, 1, 3) for cv2.LUT: exposure, contrast, gamma and colour temperature."""
    gamma = np.exp(rng.normal(0, 0.35))
    gain = np.exp(rng.normal(0, 0.22))
    contrast, offset = np.exp(rng.normal(0, 0.2)), rng.normal(0, 0.07)
    tint = np.exp(np.array([1.0, 0.3, -1.0]) * rng.normal(0, 0.12) + rng.normal(0, 0.04, 3))
    curve = ((_RAMP**gamma * gain)[:, None] * tint - 0.5) * contrast + 0.5 + offset
    return np.asarray(np.clip(curve * 255, 0, 255), np.uint8).reshape(256, 1, 3)


def _framed(picture: Picture, box: Box, strength: Strength, rng: Generator) -> tuple[Picture, Box]:
    lot = rng.random()
    if lot < strength.tight:
        return trimmed(picture, box, rng.uniform(0.05, 0.6, 4))
    if lot < strength.tight + strength.trim:
        return trimmed(picture, box, rng.uniform(0.2, 3.0, 4))
    return picture, box


def _distant(picture: Picture, box: Box, strength: Strength, rng: Generator) -> tuple[Picture, Box]:
    side = float(np.exp(rng.uniform(np.log(strength.far), np.log(strength.near))))
    stretch = float(np.exp(rng.uniform(-strength.aspect, strength.aspect)))
    factor = min(1.0, side / box.side)
    if factor == stretch == 1.0:
        return picture, box
    return shrunk(picture, box, factor * stretch, factor / stretch)


def _light(picture: Picture, strength: Strength, rng: Generator) -> Picture:
    if rng.random() < strength.light:
        picture = np.asarray(cv2.LUT(picture, light_table(rng)), np.uint8)
    if rng.random() < strength.saturation:
        grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        amount = float(rng.uniform(0.0, 1.6))
        picture = np.asarray(cv2.addWeighted(picture, amount, grey, 1 - amount, 0), np.uint8)
    return _sloped(picture, rng) if rng.random() < strength.slope else picture


def _sloped(picture: Picture, rng: Generator) -> Picture:
    """Light from one side: the exposure changes evenly across the frame."""
    height, width = picture.shape[:2]
    turn = rng.uniform(0, 2 * np.pi)
    xs = np.linspace(-1, 1, width, dtype=np.float32) * np.cos(turn)
    ys = np.linspace(-1, 1, height, dtype=np.float32) * np.sin(turn)
    gain = np.exp((xs[None] + ys[:, None]) * rng.normal(0, 0.35)).astype(np.float32)
    return np.asarray(np.clip(picture * gain[..., None], 0, 255), np.uint8)


def _lens(picture: Picture, strength: Strength, rng: Generator) -> Picture:
    if rng.random() >= strength.lens:
        return picture
    kind = rng.choice(3, p=(0.5, 0.16, 0.34))
    if kind == 0:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 2.2)), np.uint8)
    if kind == 1:
        length = int(rng.integers(3, 9))
        size = (length, 1) if rng.random() < 0.5 else (1, length)
        return np.asarray(cv2.blur(picture, size), np.uint8)
    soft = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.8, 2.0))
    amount = float(rng.uniform(0.2, 1.2))
    return np.asarray(cv2.addWeighted(picture, 1 + amount, soft, -amount, 0), np.uint8)


def _sensor(picture: Picture, strength: Strength, rng: Generator) -> Picture:
    if rng.random() < strength.noise:
        picture = _noise(picture, float(np.exp(rng.uniform(0, 2.8))), rng)
        if rng.random() < 0.3:
            picture = np.asarray(cv2.medianBlur(picture, 3), np.uint8)
    if rng.random() < strength.jpeg:
        quality = int(rng.integers(25, 96))
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        picture = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return picture


def _noise(picture: Picture, sigma: float, rng: Generator) -> Picture:
    """Sensor noise, sometimes grey only and sometimes coarse, as small sensors give in the dark."""
    height, width = picture.shape[:2]
    coarse = int(rng.integers(1, 3))
    rows, columns = rng.integers(0, _GRAIN, 2)
    grain = np.roll(_grain(), (int(rows), int(columns)), (0, 1))
    shape = -(-height // coarse), -(-width // coarse)
    grain = np.tile(grain, (-(-shape[0] // _GRAIN), -(-shape[1] // _GRAIN), 1))[
        : shape[0], : shape[1]
    ]
    if rng.random() < 0.4:
        grain = np.repeat(grain[..., :1], 3, axis=2)
    if coarse > 1:
        grain = np.asarray(cv2.resize(grain, (width, height)), np.float32)
    return np.asarray(cv2.add(picture, grain * np.float32(sigma), dtype=cv2.CV_8U), np.uint8)


@cache
def _grain() -> NDArray[np.float32]:
    """Normal noise (512, 512, 3), drawn once: drawing it anew for every frame costs more than all else here."""
    return np.random.default_rng(20).standard_normal((_GRAIN, _GRAIN, 3), dtype=np.float32)
