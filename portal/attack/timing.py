"""What a listener with a watch could learn: how well times tell a name of somebody from a name of nobody."""

import threading
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

# Fewer times than this of either sort say nothing.
ENOUGH = 25


@dataclass
class Clock:
    """Seconds of comparable steps, for names of somebody and of nobody. Safe for threads."""

    _times: dict[str, dict[str, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: {"somebody": [], "nobody": []})
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, step: str, who: str, seconds: float) -> None:
        with self._lock:
            self._times[step][who].append(seconds)

    def forget(self) -> None:
        with self._lock:
            self._times.clear()

    def told_apart(self) -> dict[str, "Apart"]:
        """For every step that was timed often enough."""
        with self._lock:
            return {
                step: apart(sorts["somebody"], sorts["nobody"])
                for step, sorts in self._times.items()
                if min(map(len, sorts.values())) >= ENOUGH
            }


@dataclass(frozen=True)
class Apart:
    """auc: 0.5 when the times tell nothing, 0 or 1 when they tell all; error: its standard error; medians in seconds."""

    auc: float
    error: float
    somebody: float
    nobody: float
    tries: int

    @property
    def tells(self) -> bool:
        """More than a tenth from a coin, and more than chance would make it."""
        away = abs(self.auc - 0.5)
        return away > 0.1 and away > 4 * self.error


def apart(somebody: list[float], nobody: list[float]) -> Apart:
    """Mann and Whitney's U as an area under the curve; its error after Hanley and McNeil at 0.5."""
    ours, others = np.array(somebody), np.array(nobody)
    above = (ours[:, None] > others[None, :]).mean()
    equal = (ours[:, None] == others[None, :]).mean()
    error = np.sqrt((len(ours) + len(others) + 1) / (12 * len(ours) * len(others)))
    medians = float(np.median(ours)), float(np.median(others))
    return Apart(float(above + equal / 2), float(error), *medians, len(ours) + len(others))


CLOCK = Clock()
"""The watch of this day's attackers."""
