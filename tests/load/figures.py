"""What was measured, and whether it is as good as promised."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

CAMERAS, RATE = 24, 8.0
_P95, _FAIR, _RATE_KEPT, _SCALING, _GROWTH = 150.0, 0.95, 0.95, 1.8, 1.05


@dataclass(frozen=True)
class Window:
    """Some cameras at some servers for some seconds.

    rate: frames a second of the average camera; p50, p95, p99: milliseconds from a frame to its answer; jain: fairness
    among cameras, 1 when all are served alike; cost: milliseconds of processor time a frame takes the servers; others:
    share (0–1) of the machine that neither servers nor cameras took.
    """

    what: str
    cameras: int
    seconds: float
    frames: int
    rate: float
    p50: float
    p95: float
    p99: float
    jain: float
    cost: float
    others: float
    lost: tuple[str, ...] = ()


@dataclass
class Results:
    """curve: without a line; line: at twice what fits, without and with a line; replicas: one and two; memory: (frames, MB)."""

    curve: list[Window] = field(default_factory=list)
    line: list[Window] = field(default_factory=list)
    waits: list[tuple[float, float]] = field(default_factory=list)
    replicas: list[Window] = field(default_factory=list)
    memory: list[tuple[int, float]] = field(default_factory=list)

    def shortfalls(self) -> list[str]:
        """In words; empty when everything is as promised."""
        return [*self._speed(), *self._line(), *self._scaling(), *self._flat()]

    def _speed(self) -> Iterable[str]:
        for row in [*self.curve, *self.line, *self.replicas]:
            if row.lost:
                yield f"{row.what}: {len(row.lost)} frames or attempts lost, the first: {row.lost[0]}"
        for row in self.curve:
            if row.cameras != CAMERAS:
                continue
            if row.p95 >= _P95:
                yield f"{CAMERAS} cameras: p95 {row.p95:.0f} ms, promised were {_P95:.0f}{_noise(row)}"
            if row.rate < _RATE_KEPT * RATE:
                yield f"{CAMERAS} cameras: {row.rate:.1f} frames a second each of {RATE:.0f}{_noise(row)}"
            if row.jain < _FAIR:
                yield f"{CAMERAS} cameras: Jain's index {row.jain:.2f}, promised were {_FAIR}"

    def _line(self) -> Iterable[str]:
        if len(self.line) == 2 and self.line[1].p95 > self.line[0].p95:
            before, after = self.line
            yield f"the line: p95 {after.p95:.0f} ms with it, {before.p95:.0f} ms without"

    def _scaling(self) -> Iterable[str]:
        scaling = self.scaling
        if scaling is not None and scaling < _SCALING:
            yield f"two replicas carry {scaling:.2f} times one, promised were {_SCALING}"

    @property
    def scaling(self) -> float | None:
        """What two replicas carry of what one does, by processor time: frames a second of a core of their own each."""
        if len(self.replicas) != 2:
            return None
        one, two = self.replicas
        return 2 * one.cost / two.cost

    @property
    def clock_scaling(self) -> float | None:
        """The same on the clock of this machine, whatever else it did."""
        if len(self.replicas) != 2:
            return None
        one, two = (row.frames / row.seconds for row in self.replicas)
        return two / one

    def _flat(self) -> Iterable[str]:
        growth = self.growth
        if growth is not None and growth > _GROWTH:
            yield f"memory: {100 * (growth - 1):.0f} % more in the last third than in the second"

    @property
    def growth(self) -> float | None:
        """Median memory of the last third over that of the second; the first warms up. None with fewer than 9 samples."""
        megabytes = [size for _, size in self.memory]
        third = len(megabytes) // 3
        if third < 3:
            return None
        return float(np.median(megabytes[-third:]) / np.median(megabytes[third : 2 * third]))

    def as_dict(self) -> dict[str, Any]:
        return {
            "curve": [vars(row) for row in self.curve],
            "line": [vars(row) for row in self.line],
            "waits": self.waits,
            "replicas": [vars(row) for row in self.replicas],
            "scaling": self.scaling,
            "clock_scaling": self.clock_scaling,
            "memory": self.memory,
            "growth": self.growth,
            "shortfalls": self.shortfalls(),
        }


def jain(counts: Sequence[float]) -> float:
    """Jain's fairness index (Jain, Chiu & Hawe, 1984): 1 when all have the same, 1/n when one has everything."""
    values = np.asarray(counts, dtype=np.float64)
    squares = len(values) * float((values**2).sum())
    return float(values.sum() ** 2 / squares) if squares else 0.0


def percentiles(seconds: Sequence[float]) -> tuple[float, float, float]:
    """p50, p95, p99 in milliseconds."""
    p50, p95, p99 = (float(v) for v in np.percentile(np.asarray(seconds) * 1000, [50, 95, 99]))
    return p50, p95, p99


def _noise(row: Window) -> str:
    return f" (others took {100 * row.others:.0f} % of the machine)" if row.others > 0.1 else ""
