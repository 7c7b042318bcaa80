"""Ctrl-C and SIGTERM as a wish to stop that is granted between two steps."""

import signal
from types import FrameType, TracebackType
from typing import Any


class Interrupted(KeyboardInterrupt):
    """The run was asked to stop, and left a checkpoint. ``signum`` says by what."""

    def __init__(self, signum: int, message: str) -> None:
        super().__init__(message)
        self.signum = signum


class Wishes:
    """Inside ``with``, ``caught`` is the signal that came, or 0; the same signal once more acts at once."""

    def __init__(self) -> None:
        self.caught = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Wishes":
        for signum in (signal.SIGINT, signal.SIGTERM):
            try:
                self._before[signum] = signal.signal(signum, self._note)
            except ValueError:  # only the main thread may listen; elsewhere nobody sends any
                break
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for signum, before in self._before.items():
            signal.signal(signum, before)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.caught = signum
        signal.signal(signum, self._before[signum])
