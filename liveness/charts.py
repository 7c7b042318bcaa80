"""Scores over time as a drawing: coordinates only, the template draws."""

from collections.abc import Sequence
from dataclasses import dataclass

from liveness.models import FrameRecord

WIDTH, HEIGHT = 640, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 10, 10, 30


@dataclass(frozen=True)
class Point:
    """A judged frame: where it is drawn, and seconds and p_live in numbers."""

    x: float
    y: float
    at: float
    p: float


@dataclass(frozen=True)
class Chart:
    """A line through the judged frames, the threshold's height, and where frames could not be judged."""

    points: list[Point]
    unjudged: list[float]
    threshold: float | None
    seconds: float
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM

    @property
    def line(self) -> str:
        """For an SVG polyline."""
        return " ".join(f"{point.x},{point.y}" for point in self.points)


def place(frames: Sequence[FrameRecord], at: float) -> float:
    """Where the second ``at`` lies on that chart, from the left."""
    return _x(at, _length(frames))


def scores_over_time(frames: Sequence[FrameRecord], threshold: float | None) -> Chart:
    """Lay out the frames of an attempt; time runs to the last frame, p_live from 0 to 1."""
    seconds = _length(frames)
    points = [
        Point(_x(frame["at"], seconds), _y(frame["p"]), frame["at"], frame["p"])
        for frame in frames
        if frame["p"] is not None
    ]
    unjudged = [_x(frame["at"], seconds) for frame in frames if frame["p"] is None]
    return Chart(points, unjudged, None if threshold is None else _y(threshold), seconds)


def _length(frames: Sequence[FrameRecord]) -> float:
    return max((frame["at"] for frame in frames), default=0.0) or 1.0


def _x(at: float, seconds: float) -> float:
    return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * at / seconds, 1)


def _y(p: float) -> float:
    return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - p), 1)
