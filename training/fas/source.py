"""What the training loop asks of its data, so that it can be fed from anywhere and resumed anywhere."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from torch import Tensor


class Batch(NamedTuple):
    """inputs (N, 3·P, S, S) float32 as ``crops.tensor`` gives them; targets (N, 2) float32, probabilities in the order
    of ``data.CLASSES``; teachers (N, T) float32, each teacher's logit for live, NaN where it gave none.
    """

    inputs: Tensor
    targets: Tensor
    teachers: Tensor


class Source(Protocol):
    """Draws of training faces; ``teachers`` is T, the length is the number of draws in an epoch, of all ranks together."""

    teachers: int

    def __len__(self) -> int: ...

    def batches(
        self, seed: int, epoch: int, size: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Batch]:
        """Full batches of ``size`` draws of all ranks together, in order, from batch number ``start`` on.

        Rank r gets rows r::world of each. Everything follows from (seed, epoch, position), so that a run that was
        resumed or is spread over processes sees the same draws.
        """
        ...
