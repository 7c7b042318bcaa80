"""Training without pictures: noise is bona fide, noise with a grid is an attack.

``python -m training.tests.toys FOLDER`` is one of the processes of a distributed run; see test_ranks.
"""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from liveness.engine.crops import CropSpec
from training.fas.interrupt import Interrupted
from training.fas.loop import FitOptions, Fitter
from training.fas.nets import NetSpec
from training.fas.ranks import Ranks, joined
from training.fas.source import Batch
from training.fas.store import Store

CROP = CropSpec((1.0, 2.0), 32)
NET = NetSpec(patches=2, size=32)


class Toy:
    """A Source of ``draws`` faces an epoch; asks its own process to stop before batch ``stop`` of all, if there is one."""

    def __init__(self, draws: int = 16, teachers: int = 1, stop: int | None = None) -> None:
        self.draws, self.teachers, self.stop = draws, teachers, stop

    def __len__(self) -> int:
        return self.draws

    def batches(
        self, seed: int, epoch: int, size: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Batch]:
        for number in range(start, self.draws // size):
            if epoch * (self.draws // size) + number == self.stop:
                os.kill(os.getpid(), signal.SIGINT)
            rows = batch((seed * 1000 + epoch) * 1000 + number, size, self.teachers)
            yield Batch(*(part[rank::world] for part in rows))


def batch(seed: int, size: int, teachers: int) -> Batch:
    own = torch.Generator().manual_seed(seed)
    inputs = torch.rand(size, 6, 32, 32, generator=own)
    live = (torch.rand(size, generator=own) < 0.5).float()
    inputs[live == 0, :, ::4] = 0
    opinions = torch.where(live == 1, 2.0, -2.0)[:, None].repeat(1, teachers)
    opinions[::3] = torch.nan
    return Batch(inputs, torch.stack([1 - live, live], dim=1), opinions)


def fitter(folder: Path, source: Toy | None = None, **changes: Any) -> Fitter:
    """Three epochs of two steps, unless ``changes`` to FitOptions or to the Fitter say otherwise."""
    names = ("ranks", "calibration", "bound", "start", "domains")
    own = {name: changes.pop(name) for name in names if name in changes}
    options = replace(FitOptions(epochs=3, batch=8), **changes)
    return Fitter(
        source or Toy(), own.pop("calibration", Store()), CROP, NET, options, folder, **own
    )


def interrupted(folder: Path, stop: int, **changes: Any) -> None:
    """The same run, stopped before step ``stop`` by a signal and continued."""
    try:
        fitter(folder, Toy(stop=stop), **changes).run()
    except Interrupted:
        changes.get("ranks", Ranks()).said(0)  # the checkpoint is rank 0's work
        fitter(folder, **changes).run(resume=True)


def saved(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a checkpoint by their place in it."""
    return dict(_tensors(torch.load(path, weights_only=True), ""))


def _tensors(value: Any, place: str) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield place, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _tensors(part, f"{place}/{name}")


def _distributed(folder: Path, ranks: Ranks) -> None:
    fitter(folder / "whole", ranks=ranks).run()
    interrupted(folder / "resumed", 3, ranks=ranks)


if __name__ == "__main__":
    with joined("cpu") as ranks:
        _distributed(Path(sys.argv[1]), ranks)
