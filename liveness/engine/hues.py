"""The colours that light a face: drawn anew for every attempt, and gentle to the eyes.

A screen that changes colour lights a face that is really in front of it, and a recording does not know which colours to
answer: Tang, Zhou, Zhang & Zhang, "Face Flashing: a Secure Liveness Detection Protocol based on Light Reflections"
(NDSS 2018); Liu et al., "Aurora Guard: Real-Time Face Anti-Spoofing via Light Reflection" (arXiv:1902.10311, 2019);
Gerstner & Farid, "Detecting Real-Time Deep-Fake Videos Using Active Illumination" (CVPR Workshops 2022).

All colours have one relative luminance, so that nothing flashes in the sense of WCAG 2.3.1 (a pair of opposing changes
of a tenth or more of the luminance); none is a saturated red (R / (R + G + B) of 0.8 or more); and there are fewer than
three changes a second, faded in.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

LUMINANCE = 0.6
"""Relative luminance of every colour, 0–1."""
STEPS = 14
SECONDS, SLOWEST = 0.45, 1.5
"""How long each colour stays, at least and at most."""
FADE = 0.2
"""Seconds in which the page fades from one colour to the next."""

_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])
_LEVELS = (0.2, 0.6, 1.0)
_RED = 0.8
_FLASH = 0.1
_MOST_CHANGES = 3.0
_SECRET = secrets.SystemRandom()

Light = NDArray[np.float64]
"""Linear light of a screen: (…, 3), RGB, 0–1 of its white."""


def decode(values: NDArray[np.float64]) -> Light:
    """sRGB values 0–1 as linear light (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encode(light: Light) -> NDArray[np.float64]:
    """Linear light 0–1 as sRGB values 0–1."""
    return np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055
    )


def _hex(red: float, blue: float) -> str:
    """The colour of LUMINANCE with this much linear red and blue; what they leave is green."""
    green = (LUMINANCE - _WEIGHTS[0] * red - _WEIGHTS[2] * blue) / _WEIGHTS[1]
    values = np.rint(255 * encode(np.array([red, green, blue]))).astype(int)
    return "#" + "".join(f"{value:02x}" for value in values)


NEUTRAL = _hex(LUMINANCE, LUMINANCE)
"""The grey of the same luminance."""
HUES = tuple(
    _hex(red, blue) for red in _LEVELS for blue in _LEVELS if (red, blue) != (LUMINANCE, LUMINANCE)
)
"""Sky, mint, leaf, straw, lavender, peach, rose and mauve, as #rrggbb."""


def light_of(colours: Sequence[str]) -> Light:
    """(N, 3) linear light of colours as #rrggbb."""
    values = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours]
    return decode(np.array(values, dtype=np.float64).reshape(-1, 3) / 255)


@dataclass(frozen=True)
class Challenge:
    """Colours as #rrggbb in their order, each shown for ``seconds``."""

    colours: tuple[str, ...]
    seconds: float = SECONDS

    @property
    def duration(self) -> float:
        return len(self.colours) * self.seconds


def draw(interval: float = 0.0, steps: int = STEPS, chance: Random | None = None) -> Challenge:
    """Colours nobody can foresee; no two neighbours are alike. 8 · 7^13, or 39 bits, with fourteen of them.

    interval: seconds between two frames of this camera; each colour stays for three of them. chance: what draws them,
    for figures that somebody wants to repeat; the system's secret source without it.
    """
    chance = chance or _SECRET
    colours = [chance.choice(HUES)]
    while len(colours) < steps:
        colours.append(chance.choice([hue for hue in HUES if hue != colours[-1]]))
    return Challenge(tuple(colours), min(max(SECONDS, 3 * interval), SLOWEST))


def decoys(count: int, rng: np.random.Generator, steps: int = STEPS) -> Light:
    """(count, steps, 3) linear light of sequences as ``draw`` makes them, for the comparison; foreseeable."""
    leaps = rng.integers(1, len(HUES), (count, steps))
    leaps[:, 0] = rng.integers(0, len(HUES), count)
    return light_of(HUES)[np.cumsum(leaps, axis=1) % len(HUES)]


def discomforts(challenge: Challenge) -> list[str]:
    """What of WCAG 2.3.1 a challenge would break, in words; empty for one that is gentle."""
    light = light_of(challenge.colours)
    luminance = light @ _WEIGHTS
    found = []
    if np.ptp(luminance) >= _FLASH:
        found.append(f"the luminance changes by {np.ptp(luminance):.2f}")
    lit = light[light.sum(axis=1) > 0]
    if (lit[:, 0] >= _RED * lit.sum(axis=1)).any():
        found.append("a colour is a saturated red")
    if 1 / challenge.seconds > _MOST_CHANGES:
        found.append(f"{1 / challenge.seconds:.1f} changes a second")
    return found
