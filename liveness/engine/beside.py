"""A process that looks at frames for one thread of another process, so that neither waits for the other's interpreter.

One thread that decodes, detects and scores gives up Python's lock some dozens of times a frame and has to wait for it as often;
two of them and an event loop leave a fifth of two processors idle. Here every thread has an interpreter of its own.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liveness.engine.bundle import BundleError
from liveness.engine.frames import FrameError, FrameFault
from liveness.engine.look import Engine, Look, Parts, open_engine

_ROOT = Path(__file__).resolve().parents[2]
# Not `-m`: then this module would be another one there, and its answers of other classes.
_COMMAND = "from liveness.engine import beside; beside.main()"
# Models that a process holds at once: the one that serves and the one before it, whose attempts are still going on.
_ENGINES = 2
# Seconds after which a process that does not answer is taken for dead.
PATIENCE = 5.0


class BesideError(RuntimeError):
    """The process is gone, does not answer, or could not look; whoever asked has to look itself."""


@dataclass(frozen=True)
class Seen:
    """What a frame showed, as ``View``; seconds: how long each stage took."""

    size: tuple[int, int]
    print: NDArray[np.int32]
    look: Look
    seconds: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class _Damaged:
    fault: FrameFault
    detail: str


@dataclass(frozen=True)
class _Opened:
    parts: Parts
    problem: str


@dataclass(frozen=True)
class _Failed:
    problem: str


class Beside:
    """The end that asks. For one thread. Raises OSError where no process can be started."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _COMMAND],
                stdin=theirs.fileno(),
                cwd=_ROOT,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            )
        self._line = Connection(ours.detach())
        self._opening: Parts | None = None
        self._known: dict[Parts, str] = {}

    @property
    def pid(self) -> int:
        return self._process.pid

    def ready(self, parts: Parts) -> bool:
        """Whether it has this engine. If not, it is told to open it and will have it soon, unless that fails.

        Raises BesideError.
        """
        with self._alive():
            if self._opening is not None and self._line.poll():
                opened = self._line.recv()
                self._known[opened.parts], self._opening = opened.problem, None
            if self._opening is not None:
                return False
            if parts not in self._known:
                self._line.send((parts, None))
                self._opening = parts
                return False
        return not self._known[parts]

    def problem(self, parts: Parts) -> str:
        """Why it cannot open this engine; empty if it can, or is not known yet."""
        return self._known.get(parts, "")

    def see(self, parts: Parts, jpeg: bytes) -> Seen:
        """Look at a frame with an engine that is ready. Raises FrameError, and BesideError."""
        with self._alive():
            self._line.send((parts, jpeg))
            if not self._line.poll(PATIENCE):
                raise BesideError("It does not answer.")
            answer = self._line.recv()
        if isinstance(answer, _Damaged):
            raise FrameError(answer.fault, answer.detail)
        if isinstance(answer, _Failed):
            raise BesideError(answer.problem)
        assert isinstance(answer, Seen)  # noqa: S101  (there is no other answer to a frame)
        return answer

    def close(self) -> None:
        """End the process. Closing twice changes nothing."""
        self._line.close()
        self._process.kill()
        self._process.wait()

    @contextmanager
    def _alive(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError) as error:
            raise BesideError(f"It is gone: {error!r}") from error


class _Desk:
    """The end that looks."""

    def __init__(self) -> None:
        self._engines: OrderedDict[Parts, Engine] = OrderedDict()
        self._seconds: list[tuple[str, float]] = []

    def answer(self, parts: Parts, jpeg: bytes | None) -> Any:
        return self._open(parts) if jpeg is None else self._see(parts, jpeg)

    def _open(self, parts: Parts) -> _Opened:
        try:
            engine = open_engine(
                parts.folder, parts.detector, parts.detector_path, parts.embedder_path
            )
            if engine.model.bundle.sha256 != parts.sha256:
                raise BundleError(f"{parts.folder} holds another bundle by now.")
        except Exception as error:
            return _Opened(parts, str(error) or repr(error))
        engine.watch = self._timed
        self._engines[parts] = engine
        if len(self._engines) > _ENGINES:
            self._engines.popitem(last=False)
        return _Opened(parts, "")

    def _see(self, parts: Parts, jpeg: bytes) -> Seen | _Damaged | _Failed:
        self._seconds.clear()
        try:
            view = self._held(parts).view(jpeg)
            return Seen(view.size, view.print, view.look(), tuple(self._seconds))
        except FrameError as error:
            return _Damaged(error.fault, str(error))
        except Exception as error:
            return _Failed(repr(error))

    def _held(self, parts: Parts) -> Engine:
        """One that was given up for later ones is opened again: somebody went back to it."""
        if parts not in self._engines and (problem := self._open(parts).problem):
            raise BundleError(problem)
        self._engines.move_to_end(parts)
        return self._engines[parts]

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds.append((stage, time.perf_counter() - began))


def main() -> None:
    """Answer until the other end closes; a signal to the whole group is for the other end to act on."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    line, desk = Connection(os.dup(sys.stdin.fileno())), _Desk()
    with suppress(EOFError, OSError):
        while True:
            line.send(desk.answer(*line.recv()))
