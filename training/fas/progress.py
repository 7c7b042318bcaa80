"""What a run shows: a bar for a person at a terminal, lines for everything else, and TensorBoard on request."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from tqdm import tqdm

from training.fas.checkpoints import State

_SECONDS_BETWEEN_LINES = 30.0
_SECONDS_BETWEEN_FIGURES = 0.5
_SECONDS_BETWEEN_NOTES = 1.0
NOTE = "progress.json"
"""What a run last said of itself, for whoever watches its folder."""

_SCALARS = (
    "loss",
    "classification",
    "fourier",
    "teachers",
    "accuracy",
    "auc",
    "rate",
    "samples_per_second",
)


class ProgressError(RuntimeError):
    """TensorBoard is asked for and missing."""


class Progress:
    """Says how a run of (epochs, batches an epoch, faces a batch) goes on. Use it in a ``with``."""

    def __init__(
        self,
        say: Callable[[str], None],
        shape: tuple[int, int, int],
        bar: bool = False,
        tensorboard: Path | None = None,
        steps: int = 0,
        folder: Path | None = None,
    ) -> None:
        """``steps``: how many there were already. folder: takes NOTE. Raises ProgressError when TensorBoard is missing."""
        self._say = say
        self._epochs, self._batches, self._batch = shape
        self._wants_bar = bar
        self._bar: Any = None
        self._writer = _writer(tensorboard, steps) if tensorboard else None
        self._told = self._looked = time.monotonic()
        self._folder, self._noted = folder, 0.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close_bar()
        if self._writer is not None:
            self._writer.close()

    def step(self, state: State, progress: float) -> None:
        """After a step; figures are read at most twice a second, because reading them waits for the device."""
        now = time.monotonic()
        if self._folder is not None and now - self._noted >= _SECONDS_BETWEEN_NOTES:
            self._noted = now
            self._note(self._folder, state, progress)
        if self._wants_bar and now - self._looked >= _SECONDS_BETWEEN_FIGURES:
            self._looked = now
            self._draw(state, progress)
        elif not self._wants_bar and now - self._told >= _SECONDS_BETWEEN_LINES:
            self._told = now
            place = f"epoch {state.epoch + 1}/{self._epochs}  batch {state.batch}/{self._batches}"
            self._say(f"{place}  {self._running(state, progress)}")

    def epoch(self, state: State, progress: float) -> None:
        """After an epoch: its line, and its figures for TensorBoard."""
        self._close_bar()
        self._told = time.monotonic()
        row = state.history[-1]
        auc = "" if row["auc"] is None else f"calibration AUC {row['auc']:.4f}  "
        self._say(
            f"epoch {row['epoch']}/{self._epochs}  loss {row['loss']:.4f}  "
            f"accuracy {row['accuracy']:.3f}  {auc}{row['samples_per_second']:.0f} samples/s  "
            f"{state.elapsed / 60:.1f} min, {minutes_left(state, progress):.1f} min left"
        )
        if self._writer is not None:
            for name in _SCALARS:
                if row[name] is not None:
                    self._writer.add_scalar(name, row[name], state.steps)

    def _draw(self, state: State, progress: float) -> None:
        if self._bar is None:
            form = "{desc} {percentage:3.0f}%|{bar}| {postfix}"
            title = f"epoch {state.epoch + 1}/{self._epochs}"
            self._bar = tqdm(total=self._batches, desc=title, bar_format=form, leave=False)
        self._bar.n = state.batch
        self._bar.set_postfix_str(self._running(state, progress))

    def _running(self, state: State, progress: float) -> str:
        loss, accuracy, speed = self._figures(state)
        left = minutes_left(state, progress)
        return (
            f"loss {loss:.4f}  accuracy {accuracy:.3f}  {speed:.0f} samples/s  {left:.1f} min left"
        )

    def _figures(self, state: State) -> tuple[float, float, float]:
        """Mean loss and accuracy of this epoch so far, and faces a second."""
        loss, *_, accuracy = (state.sums / max(1, state.batch)).tolist()
        return loss, accuracy, state.batch * self._batch / max(state.elapsed - state.began, 1e-9)

    def _note(self, folder: Path, state: State, progress: float) -> None:
        """Replace NOTE as a whole; a disk that is full shall fail the next checkpoint, which says so, not this."""
        loss, accuracy, speed = self._figures(state)
        about = {
            "epoch": state.epoch + 1,
            "epochs": self._epochs,
            "batch": state.batch,
            "batches": self._batches,
            "loss": round(loss, 5),
            "accuracy": round(accuracy, 4),
            "samples_per_second": round(speed, 1),
            "share": round(min(1.0, progress), 4),
            "minutes_left": round(minutes_left(state, progress), 2),
        }
        part = folder / f"{NOTE}.part"
        with suppress(OSError):
            part.write_text(json.dumps(about), encoding="utf-8")
            part.replace(folder / NOTE)

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def minutes_left(state: State, progress: float) -> float:
    """Minutes until the schedule ends, at the pace so far."""
    return max(0.0, state.elapsed * (1 / max(progress, 1e-6) - 1) / 60)


def _writer(folder: Path, steps: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ProgressError(
            f"--tensorboard needs the package tensorboard ({error}): pip install tensorboard."
        ) from error
    return SummaryWriter(str(folder), purge_step=steps or None)
