"""Looks in processes of their own, one for each thread of the pool, as soon as frames wait for a thread.

A portal with few visitors never starts one. Where a process is still opening its models, has died or cannot be started, its
thread looks itself, with the same code: nobody's attempt depends on it.
"""

import logging
import threading
import time

from django.conf import settings

from liveness import telemetry
from liveness.engine.beside import Beside, BesideError, Seen
from liveness.engine.look import Engine, Parts, View

# Seconds that a frame has waited for a thread: from there on the threads are short of time.
CROWDED = 0.02
# Seconds before a process that died is started again.
_PAUSE = 30.0
logger = logging.getLogger(__name__)


class _Mine(threading.local):
    """What one thread has."""

    beside: Beside | None = None
    refused: Parts | None = None
    not_before = 0.0


_mine = _Mine()


def view(engine: Engine, jpeg: bytes, *, crowded: bool) -> View:
    """As ``engine.view``, by this thread's own process if there is one. Raises FrameError.

    crowded: frames wait; start one.
    """
    seen = _seen(engine.parts, jpeg, crowded) if engine.parts else None
    if seen is None:
        return engine.view(jpeg)
    for stage, seconds in seen.seconds:
        telemetry.took(stage, seconds)
    return View(seen.size, seen.print, lambda: seen.look)


def _seen(parts: Parts, jpeg: bytes, crowded: bool) -> Seen | None:
    try:
        beside = _mine.beside or (_started() if crowded else None)
        if beside is None:
            return None
        if beside.ready(parts):
            return beside.see(parts, jpeg)
        _tell(parts, beside.problem(parts))
    except (BesideError, OSError) as error:
        logger.warning("a process that looks at frames is given up; its thread looks: %s", error)
        close()
        _mine.not_before = time.monotonic() + _PAUSE
    return None


def _started() -> Beside | None:
    if not settings.LIVENESS_PROCESSES or time.monotonic() < _mine.not_before:
        return None
    _mine.beside = Beside()
    return _mine.beside


def _tell(parts: Parts, problem: str) -> None:
    if problem and _mine.refused != parts:
        logger.warning("a process cannot open the model in %s: %s", parts.folder, problem)
        _mine.refused = parts


def close() -> None:
    """End this thread's process, if it has one."""
    beside, _mine.beside = _mine.beside, None
    if beside is not None:
        beside.close()
