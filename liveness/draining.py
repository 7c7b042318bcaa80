"""A server that is asked to end lets its running attempts finish and takes no new ones. The state of this process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from liveness import telemetry

# After a pass the page sends its form; the server that judged may be the only one there is.
_FORM_SECONDS = 2.0

_began: float | None = None
_running = 0
_last_left = 0.0


def begin() -> None:
    """From now on new attempts are told to come again. Saying it twice changes nothing."""
    global _began
    _began = _began or time.monotonic()


def begun() -> bool:
    return _began is not None


def forget() -> None:
    """This process serves again; for tests."""
    global _began
    _began = None


@contextmanager
def attempt() -> Iterator[None]:
    """An attempt that runs on this process; on the event loop alone."""
    global _running, _last_left
    _running += 1
    telemetry.RUNNING.inc()
    try:
        yield
    finally:
        _running -= 1
        _last_left = time.monotonic()
        telemetry.RUNNING.dec()


def done(least: float, most: float) -> bool:
    """Whether the process may end: after ``least`` seconds, once no attempt runs; after ``most`` in any case."""
    if _began is None:
        return False
    now = time.monotonic()
    if now - _began >= most:
        return True
    quiet = _last_left < _began or now - _last_left >= _FORM_SECONDS
    return now - _began >= least and not _running and quiet
