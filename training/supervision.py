"""A training process and the worker that watches it: one at a time for each run, and none without a watcher.

The worker hands its process a token and a pipe, the leash. When the worker dies, however it dies, the system closes the
pipe: the process notices at once, writes a checkpoint and ends. An exclusive lock on the run's folder keeps the next
process waiting until the one before is really gone, also where somebody started one by hand.
"""

import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOKEN = "LIVEGATE_RUN_TOKEN"  # noqa: S105  (the name of a variable)
GRACE = 20.0
"""Seconds that a process has for its last checkpoint once its worker is gone; then it is ended."""

PATIENCE = 60.0
LOCK = ".lock"
ABANDONED = 75
"""Exit status of a process that did not end in time; EX_TEMPFAIL."""


class SupervisionError(RuntimeError):
    """Another process trains this run, or the run has gone to another worker."""


def token() -> str:
    """The token of the worker that started this process; empty for a person at a terminal."""
    return os.environ.get(TOKEN, "")


@contextmanager
def alone(folder: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock of a run's folder. Raises SupervisionError when another process keeps it for ``patience`` seconds."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        _take(lock.fileno(), folder, time.monotonic() + patience)
        yield


def follow_leash(leash: int = 0) -> None:
    """End this process once nobody holds the other end of ``leash`` (default: standard input) any more."""
    threading.Thread(target=_follow, args=(leash,), name="leash", daemon=True).start()


def _follow(leash: int) -> None:
    while os.read(
        leash, 1
    ):  # not sys.stdin: its lock, held by a thread, aborts the interpreter at its end
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(ABANDONED)


def _take(lock: int, folder: Path, end: float) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if time.monotonic() >= end:
                raise SupervisionError(f"Another process trains in {folder}.") from error
        time.sleep(0.2)
