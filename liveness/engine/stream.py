"""What the frames of one attempt look like as a stream: repeated pictures, timing, noise, and what the camera is called.

None of it is proof. A repeated picture is no new evidence and counts for nothing; every other sign is kept as a risk,
and a risk can only ask for more frames. Nobody is refused for the name of a camera.
"""

import hashlib
import math
import re
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from statistics import fmean, median

import cv2
import numpy as np
from numpy.typing import NDArray

from liveness.engine.frames import BLOCK

# Mean difference in grey levels of the 8×8 blocks of two pictures. Below the first they are one picture, encoded twice:
# at a quality of 95 or more that makes 0.02 to 0.05. A sensor's own noise alone, of one grey level, makes as much as the second.
_SAME = 0.05
_STILL = 0.12
_PIXELS = BLOCK**2
# So many noiseless neighbours, or intervals, before they say anything.
_ENOUGH = 5
# Intervals, in seconds, no page of ours keeps below; and a spread, as a share, that no timer in a browser reaches.
_HURRIED = 0.09
_EXACT = 0.002
_VIRTUAL = re.compile(
    r"\b(virtual|obs|manycam|v4l2|loopback|dummy video|fake_device|snap camera|xsplit|mmhmm|droidcam|iriun|splitcam"
    r"|e2esoft|unity video|avatarify|deepfacelive)",
    re.IGNORECASE,
)


class Risk(StrEnum):
    VIRTUAL_CAMERA = "virtual_camera"
    REPEATED_FRAMES = "repeated_frames"
    NO_NOISE = "no_noise"
    EXACT_TIMING = "exact_timing"
    HURRIED = "hurried"


@dataclass
class Stream:
    """The frames of one attempt in their order. Not thread-safe: one frame at a time."""

    camera: str = ""
    repeats: int = 0
    _digests: set[bytes] = field(default_factory=set)
    _prints: list[NDArray[np.int32]] = field(default_factory=list)
    _means: list[float] = field(default_factory=list)
    _still: int = 0
    _times: deque[float] = field(default_factory=lambda: deque(maxlen=32))

    def is_new(self, jpeg: bytes, found: NDArray[np.int32] | None, at: float) -> bool:
        """Take the next frame, ``at`` seconds after the start. False when it shows what an earlier frame showed.

        found: its ``frames.thumbprint``. Without one the frame is damaged, and new: who judges it says what is wrong with it.
        """
        self._times.append(at)
        digest = hashlib.sha256(jpeg).digest()
        if digest in self._digests or (found is not None and self._shown_before(found)):
            self.repeats += 1
            return False
        self._digests.add(digest)
        return True

    def risks(self) -> frozenset[Risk]:
        """What was noticed so far."""
        signs = {
            Risk.VIRTUAL_CAMERA: bool(_VIRTUAL.search(self.camera)),
            Risk.REPEATED_FRAMES: self.repeats >= 2,
            Risk.NO_NOISE: self._still >= _ENOUGH,
            Risk.EXACT_TIMING: self._spread() < _EXACT,
            Risk.HURRIED: self._interval() < _HURRIED,
        }
        return frozenset(risk for risk, seen in signs.items() if seen)

    def _shown_before(self, found: NDArray[np.int32]) -> bool:
        mean = float(found.mean()) / _PIXELS
        # Two pictures differ by at least as much as their means do: most need not be compared.
        near = [p for p, m in zip(self._prints, self._means, strict=True) if abs(m - mean) < _SAME]
        if any(_difference(p, found) < _SAME for p in near):
            return True
        if self._prints and _difference(self._prints[-1], found) < _STILL:
            self._still += 1
        self._prints.append(found)
        self._means.append(mean)
        return False

    def _intervals(self) -> list[float]:
        """Seconds between frames, lately; none while they are too few to say anything. A handful needs no array."""
        steps = [later - earlier for earlier, later in pairwise(self._times)]
        return steps if len(steps) >= _ENOUGH else []

    def _interval(self) -> float:
        steps = self._intervals()
        return median(steps) if steps else math.inf

    def _spread(self) -> float:
        steps = self._intervals()
        if not steps:
            return math.inf
        mean = fmean(steps)
        return math.sqrt(fmean((step - mean) ** 2 for step in steps)) / max(mean, 1e-9)


def _difference(one: NDArray[np.int32], other: NDArray[np.int32]) -> float:
    """Mean difference in grey levels; infinite where the sizes differ."""
    if one.shape != other.shape:
        return math.inf
    return cv2.norm(one, other, cv2.NORM_L1) / (one.size * _PIXELS)
