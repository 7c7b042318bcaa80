"""A physical model of a face in the light of a screen, on real frames: for figures and tests, never for serving.

Light is linear. A frame is taken as reflectance times the light of the room; the screen adds Lambertian light that falls
off with the square of the distance, so that the face gets much of it and the room behind it little. The camera adapts
its exposure and white balance, adds shot and read noise, and encodes JPEG; the stream comes late and unevenly.
"""

from dataclasses import dataclass, field
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from liveness.engine import frames, hues
from liveness.engine.crops import Box
from liveness.engine.frames import Picture
from liveness.engine.hues import Challenge
from liveness.engine.response import LIMITS

Linear = NDArray[np.float32]


class Subject(StrEnum):
    """What is in front of the camera, or in its place."""

    PERSON = "person"
    RECORDING = "recording of another attempt"
    VIRTUAL = "virtual camera"
    PRINT = "print"
    PHONE = "phone held up"


@dataclass(frozen=True)
class Room:
    """lux: of the room, on the face; screen: lux on the face when the whole screen is white.

    250 cd/m² of a 14-inch laptop (0.053 m²) at 0.5 m make about 50 lux; a phone at 0.35 m about 40. tint: the room's
    light, RGB, relative to the screen's white; behind: how often farther than the face the background is.
    """

    lux: float
    screen: float
    tint: tuple[float, float, float]
    behind: float


@dataclass(frozen=True)
class Camera:
    """delay: seconds from the paint order to the frame; jitter: of its arrival; pace: seconds between frames.

    adapt: seconds in which exposure and white balance follow, balance: how much of a cast is taken out, 0–1.
    """

    delay: float
    jitter: float
    pace: float
    adapt: float
    balance: float
    shot: float = 0.012
    read: float = 0.004
    quality: int = 85


def draw_room(lux: float, rng: np.random.Generator) -> Room:
    """A room of about this light with a screen of unknown make."""
    warm = rng.uniform(0.0, 0.5)
    return Room(
        lux=lux * rng.uniform(0.85, 1.15),
        screen=rng.uniform(28.0, 60.0),
        tint=(1 + warm / 2, 1.0, 1 - warm / 2),
        behind=rng.uniform(2.5, 7.0),
    )


def draw_camera(rng: np.random.Generator) -> Camera:
    """A webcam and its way to the server, 30–200 ms late."""
    return Camera(
        delay=rng.uniform(0.03, 0.2),
        jitter=rng.uniform(0.005, 0.03),
        pace=rng.uniform(0.125, 0.18),
        adapt=rng.uniform(0.4, 2.0),
        balance=rng.uniform(0.2, 0.9),
    )


@dataclass
class Scene:
    """Who sits there. picture: BGR uint8 (H, W, 3) of a room with a face in ``box``."""

    picture: Picture
    box: Box
    subject: Subject
    room: Room
    camera: Camera
    rng: np.random.Generator
    _gains: NDArray[np.float64] = field(default_factory=lambda: np.ones(3))
    _before: float = 0.0

    def __post_init__(self) -> None:
        self._base: Linear = hues.decode(self.picture / 255.0)[..., ::-1].astype(np.float32)
        self._lit = self._base * self._reaches()[..., None]
        shot, read = self.camera.shot, self.camera.read
        self._noise = np.sqrt(shot**2 * self._base + read**2).astype(np.float32)
        self._grain = self.rng.standard_normal(2 * self._base.size, np.float32)
        self._phases = self.rng.uniform(0, 2 * np.pi, 4)
        self._colour = _mean(self._base)
        # A phone's glass mirrors 1–4 % of a screen of 250 cd/m², where it stands parallel to it; its own has 400.
        self._glare = self.rng.uniform(0.0, 1.0) * self.rng.uniform(0.01, 0.04) * 250 / 400

    def shot(self, at: float, light: hues.Light) -> tuple[bytes, Box]:
        """The JPEG of the moment ``at`` under the screen's ``light`` (3,), and the box a detector finds in it."""
        lit = self._base + self._lit * self._relative(light)
        if self.subject is Subject.PHONE:
            lit += (self._glare * light).astype(np.float32)
        lit *= self._adapted(_mean(lit), at)
        turn = self._sway(at)
        height, width = lit.shape[:2]
        moved = cv2.warpAffine(lit, turn, (width, height), borderMode=cv2.BORDER_REFLECT)
        return self._encode(np.asarray(moved, np.float32)), self._found(turn)

    def _relative(self, light: hues.Light) -> Linear:
        """The screen's light against the room's where the screen is nearest, (3,) RGB; the frame is balanced for the room."""
        if self.subject is Subject.VIRTUAL:
            return np.zeros(3, np.float32)
        ratio = self.room.screen / self.room.lux
        return (ratio * light / np.array(self.room.tint)).astype(np.float32)

    def _reaches(self) -> Linear:
        """(H, W) how much of the screen's light arrives: rounded on a face, flat on a print, weak behind."""
        height, width = self._base.shape[:2]
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        across = (x - self.box.x - self.box.w / 2) / (0.62 * self.box.w)
        down = (y - self.box.y - self.box.h / 2) / (0.68 * self.box.h)
        away = across**2 + down**2
        far = np.full((height, width), self.room.behind**-2, np.float32)
        if self.subject is Subject.PRINT:
            held = np.maximum(np.abs(across), np.abs(down)) < 1.7
            return np.where(held, 0.95, far).astype(np.float32)
        if self.subject is Subject.PHONE:
            # Glass over a panel that scatters back a hundredth; the picture itself is the phone's own light.
            held = np.maximum(np.abs(across), np.abs(down)) < 1.5
            return np.where(held, 0.01, far).astype(np.float32)
        head = np.sqrt(np.maximum(1 - away, 0.0)) * 0.9 + 0.1
        body = (y > self.box.y + self.box.h) & (np.abs(across) < 2.4)
        lit = np.where(away < 1, head, np.where(body, 0.45, far))
        return np.asarray(cv2.GaussianBlur(lit.astype(np.float32), (0, 0), self.box.w / 18))

    def _sway(self, at: float) -> NDArray[np.float64]:
        """(2, 3) how a person who sits still moves, within a few pixels and a degree or two."""
        x, y, angle, near = np.sin(
            2 * np.pi * np.array([0.23, 0.31, 0.17, 0.13]) * at + self._phases
        )
        size = self.box.w / 40
        centre = (self.box.x + self.box.w / 2, self.box.y + self.box.h / 2)
        turn = cv2.getRotationMatrix2D(centre, 1.5 * angle, 1 + 0.015 * near)
        turn[:, 2] += (size * x, size * y)
        return np.asarray(turn, dtype=np.float64)

    def _found(self, turn: NDArray[np.float64]) -> Box:
        middle = turn @ np.array([self.box.x + self.box.w / 2, self.box.y + self.box.h / 2, 1])
        x, y, w, h = self.rng.normal(0, 0.012 * self.box.w, 4)
        w, h = self.box.w + w, self.box.h + h
        return Box(middle[0] - w / 2 + x, middle[1] - h / 2 + y, w, h)

    def _adapted(self, means: NDArray[np.float64], at: float) -> Linear:
        """(3,) gains: exposure keeps the mean level, grey-world balance takes out part of a cast; both follow slowly."""
        cast = (means.mean() / means) / (self._colour.mean() / self._colour)
        wanted = self._colour.mean() / means.mean() * cast**self.camera.balance
        share = 1 - np.exp(-max(at - self._before, 0.0) / self.camera.adapt)
        self._gains += share * (wanted - self._gains)
        self._before = at
        return self._gains.astype(np.float32)

    def _encode(self, lit: Linear) -> bytes:
        start = int(self.rng.integers(0, lit.size))
        grain = self._grain[start : start + lit.size].reshape(lit.shape)
        seen = (lit + grain * self._noise) * np.float32(4095)
        values = _GAMMA[np.clip(seen, 0, 4095, out=seen).astype(np.uint16)]
        bgr = cv2.cvtColor(values, cv2.COLOR_RGB2BGR)
        return frames.encode_jpeg(np.asarray(bgr, dtype=np.uint8), self.camera.quality)


def _mean(light: Linear) -> NDArray[np.float64]:
    return np.array(cv2.mean(light)[:3])


_GAMMA = np.rint(255 * hues.encode(np.arange(4096) / 4095)).astype(np.uint8)


def shine(challenge: Challenge, at: float, delay: float) -> hues.Light:
    """(3,) the light of the screen that a frame shows which arrives at ``at`` seconds after the first colour was sent."""
    light = hues.light_of([hues.NEUTRAL, *challenge.colours, hues.NEUTRAL])
    since = at - delay
    step = int(np.clip(since // challenge.seconds, -1, len(challenge.colours)))
    faded = float(np.clip((since - step * challenge.seconds) / hues.FADE, 0, 1))
    before, now = light[max(step, 0)], light[step + 1]
    return np.asarray(now if step < 0 else before + faded * (now - before))


def arrivals(challenge: Challenge, camera: Camera, rng: np.random.Generator) -> NDArray[np.float64]:
    """Seconds at which frames arrive, from the first colour until the last one's delay is over."""
    end = challenge.duration + LIMITS.delay
    steps = camera.pace + np.abs(rng.normal(0, camera.jitter, int(end / camera.pace) + 2))
    times = np.cumsum(steps)
    return np.asarray(times[times < end])
