"""What this process counts and times, for Prometheus. No name, no address, no score of a single attempt.

With PROMETHEUS_MULTIPROC_DIR several processes of one machine count into one folder and any of them tells the sum.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram

from liveness import tracing

_FAST = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0)

ATTEMPTS = Counter("livegate_attempts", "Attempts that ended.", ["purpose", "outcome", "reason"])
STAGES = Histogram(
    "livegate_stage_seconds", "Time of one stage of a look.", ["stage"], buckets=_FAST
)
RUNNING = Gauge(
    "livegate_attempts_running", "Attempts in front of a camera.", multiprocess_mode="livesum"
)
WAITING = Gauge("livegate_frames_waiting", "Frames that run or wait.", multiprocess_mode="livesum")
IN_LINE = Gauge(
    "livegate_attempts_in_line", "Attempts that wait for a place.", multiprocess_mode="livesum"
)
BUSY = Counter("livegate_frames_refused", "Frames refused because too many were waiting.")


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Time one stage: decode, detect, quality, score or embed."""
    began = time.perf_counter()
    try:
        yield
    finally:
        took(name, time.perf_counter() - began)


def took(name: str, seconds: float) -> None:
    """A stage, or ``wait``, has taken so long."""
    STAGES.labels(name).observe(seconds)
    tracing.note(name, seconds)


def ended(purpose: str, outcome: str, reason: str) -> None:
    """An attempt has ended."""
    ATTEMPTS.labels(purpose, outcome, reason).inc()
    tracing.say(purpose=purpose, outcome=outcome, reason=reason)
