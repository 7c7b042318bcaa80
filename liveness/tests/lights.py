"""A face in the light of a screen, drawn: frames for sessions that ask for colours."""

import cv2
import numpy as np

from liveness.engine import frames, hues
from liveness.engine.hues import Light
from liveness.tests.fakes import BOX

DARK: Light = np.zeros(3)
_SKIN, _WALL = (0.42, 0.26, 0.19), (0.30, 0.31, 0.28)


def lit(light: Light, seed: int, strength: float = 0.2) -> bytes:
    """A 320×240 JPEG of a face in ``fakes.BOX`` before a wall; ``light`` (3,) of the screen falls on the face alone."""
    rng = np.random.default_rng(seed)
    scene = np.empty((240, 320, 3))
    scene[:] = _WALL
    face = np.zeros((240, 320), np.uint8)
    centre = round(BOX.x + BOX.w / 2), round(BOX.y + BOX.h / 2)
    cv2.ellipse(face, centre, (round(BOX.w / 2), round(BOX.h / 2)), 0, 0, 360, 1, -1)
    scene[face > 0] = np.array(_SKIN) * (1 + strength * light)
    # Below the chin something always moves: no two frames are alike.
    scene[224:] = rng.uniform(0.1, 0.5, (2, 40, 1)).repeat(8, 0).repeat(8, 1)
    noise = rng.normal(0, 2.0, scene.shape)
    picture = np.clip(255 * hues.encode(scene) + noise, 0, 255).astype(np.uint8)
    return frames.encode_jpeg(np.ascontiguousarray(picture[..., ::-1]))
