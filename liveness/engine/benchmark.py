"""Time one look and its stages against other pipelines: same pictures, same process, turn by turn.

One thread is timed in processor time, so that whatever else the machine does counts for nobody; many threads in time on
the clock, because there it is the waiting that matters. A ratio of two figures of one run means more than either.
"""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

OURS, OPENCV, SEED = "livegate", "its networks in OpenCV", "seed"
LOOK = "one look"

Step = Callable[[], object]


class Pipeline(Protocol):
    """Judges JPEG frames of 640×480 with one face."""

    @property
    def name(self) -> str: ...

    def stages(self, jpeg: bytes) -> Mapping[str, Step]:
        """``LOOK``, if it has one: from the bytes to the score, safe on several threads. Then each stage, for one thread."""


@dataclass(frozen=True)
class Timing:
    """Milliseconds of processor time of one stage on one thread, over all rounds."""

    pipeline: str
    stage: str
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Together:
    """Looks of one pipeline on several threads at once: how many a second, and milliseconds on the clock for one."""

    pipeline: str
    threads: int
    looks_per_second: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Target:
    """The median of one stage may be at most ``most`` times the median of another."""

    name: str
    over: tuple[str, str]
    under: tuple[str, str]
    most: float


TARGETS = (
    Target("one look", (OURS, LOOK), (SEED, LOOK), 1 / 3),
    Target("score", (OURS, "score"), (SEED, "score"), 1 / 6),
    Target("embed", (OURS, "embed"), (OPENCV, "embed"), 1 / 2),
)


@dataclass
class Report:
    """What was measured, and on what. load: runnable processes a core, before and after: above 1 it was busy."""

    rounds: int
    timings: list[Timing] = field(default_factory=list)
    together: list[Together] = field(default_factory=list)
    load: list[float] = field(default_factory=list)

    def note_load(self) -> None:
        self.load.append(os.getloadavg()[0] / (os.cpu_count() or 1))

    def ratios(self) -> list[tuple[Target, float]]:
        """Of each target both sides of which were timed."""
        medians = {(row.pipeline, row.stage): row.p50 for row in self.timings}
        return [
            (target, medians[target.over] / medians[target.under])
            for target in TARGETS
            if target.over in medians and target.under in medians
        ]

    def shortfalls(self) -> list[str]:
        """In words; empty when every ratio is kept."""
        return [
            f"{target.name}: {ratio:.2f} of {target.under[0]}, at most {target.most:.2f} was promised"
            for target, ratio in self.ratios()
            if ratio > target.most
        ]

    def as_dict(self) -> dict[str, Any]:
        return {
            "machine": {
                "processor": platform.processor() or platform.machine(),
                "cores": os.cpu_count(),
                "load_per_core": self.load,
                "onnxruntime": ort.__version__,
                "opencv": cv2.__version__,
            },
            "rounds": self.rounds,
            "one_thread": [asdict(row) for row in self.timings],
            "many_threads": [asdict(row) for row in self.together],
            "ratios": {
                target.name: {"ratio": ratio, "most": target.most}
                for target, ratio in self.ratios()
            },
        }


def measure(pipelines: Sequence[Pipeline], jpeg: bytes, rounds: int) -> list[Timing]:
    """Time every stage once a round, in turn, so that a noisy moment strikes all alike. One round warms up."""
    steps = _all(pipelines, jpeg)
    seconds = np.zeros((rounds + 1, len(steps)))
    for turn in range(rounds + 1):
        for column, (_, _, step) in enumerate(steps):
            begin = time.thread_time()
            step()
            seconds[turn, column] = time.thread_time() - begin
    return [
        Timing(name, stage, *_percentiles(seconds[1:, column]))
        for column, (name, stage, _) in enumerate(steps)
    ]


def measure_together(
    pipelines: Sequence[Pipeline], jpeg: bytes, rounds: int, threads: int
) -> list[Together]:
    """Looks on several threads, pipeline after pipeline in every round. One round warms up."""
    looks = {name: step for name, stage, step in _all(pipelines, jpeg) if stage == LOOK}
    waits: dict[str, list[float]] = {name: [] for name in looks}
    spent = dict.fromkeys(looks, 0.0)
    with ThreadPoolExecutor(threads) as pool:
        for turn in range(rounds + 1):
            for name, look in looks.items():
                begin = time.perf_counter()
                took = list(pool.map(_clocked, [look] * threads))
                if turn:
                    spent[name] += time.perf_counter() - begin
                    waits[name] += took
    return [
        Together(name, threads, len(took) / spent[name], *_percentiles(np.array(took)))
        for name, took in waits.items()
    ]


def _all(pipelines: Sequence[Pipeline], jpeg: bytes) -> list[tuple[str, str, Step]]:
    return [(p.name, stage, step) for p in pipelines for stage, step in p.stages(jpeg).items()]


def _clocked(step: Step) -> float:
    begin = time.perf_counter()
    step()
    return time.perf_counter() - begin


def _percentiles(seconds: NDArray[np.float64]) -> tuple[float, float, float]:
    """p50, p95 and p99 in milliseconds."""
    p50, p95, p99 = (float(value) for value in np.percentile(seconds * 1000, [50, 95, 99]))
    return p50, p95, p99
