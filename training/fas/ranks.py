"""One process or several: ``torchrun`` says which through the environment, and a single process needs none of it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

_PATIENCE = timedelta(hours=2)
"""How long the others wait while rank 0 looks for faces or judges the calibration cameras."""


class DeviceError(RuntimeError):
    """The device does not exist, or the processes do not fit it; the message says what to do."""


@dataclass(frozen=True)
class Ranks:
    """This process among ``world`` of them. Rank 0 alone writes and speaks."""

    rank: int = 0
    world: int = 1
    local: int = 0

    @property
    def first(self) -> bool:
        return self.rank == 0

    def sum(self, values: Sequence[float]) -> list[float]:
        """The sum of every rank's values, the same on all of them."""
        if self.world == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=_meeting_place())
        distributed.all_reduce(total)
        return total.tolist()

    def said(self, value: float) -> float:
        """Rank 0's value, on every rank."""
        return self.sum([value if self.first else 0.0])[0]

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Put the mean over all ranks into each tensor."""
        if self.world == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(flat)
        parts = (flat / self.world).split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Rank 0 goes first, so that the others find what it has written; they wait even if it fails."""
        if not self.first:
            distributed.barrier()
        try:
            yield
        finally:
            if self.first and self.world > 1:
                distributed.barrier()

    def wrapped(self, model: nn.Module) -> nn.Module:
        """The model whose gradients are averaged over all ranks; itself when there is one."""
        if self.world == 1:
            return model
        return DistributedDataParallel(model, forward_sync_buffers=False)

    def device(self, name: str, ids: Sequence[int] = ()) -> torch.device:
        """``auto``, ``cpu`` or ``cuda:0``; among several ranks each takes its own of ``ids``, or else of all.

        Raises DeviceError when there is no such device.
        """
        if self.world > 1 and len(ids) not in (0, self.world):
            raise DeviceError(f"{self.world} processes cannot share the devices {list(ids)}.")
        found = torch.cuda.device_count()
        if name == "cpu" or (name == "auto" and not ids and not found):
            return torch.device("cpu")
        index = ids[self.local] if ids else self._index(name)
        if index >= found:
            raise DeviceError(f"There is no cuda:{index}; {found} found. Choose --device cpu.")
        return torch.device("cuda", index)

    def _index(self, name: str) -> int:
        return self.local if self.world > 1 else int(name.partition(":")[2] or 0)


class Statistics:
    """Running statistics of batch normalisation, as the mean over all groups that a batch is normalised in.

    Groups may follow one another in a process or stand side by side in several; both must learn the same.
    """

    def __init__(self, model: nn.Module, each: int, ranks: Ranks) -> None:
        """``each``: groups that follow one another here in every step."""
        self._buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
        self._each, self._ranks = each, ranks
        self._before = [buffer.clone() for buffer in self._buffers]
        self._total = [torch.zeros_like(buffer) for buffer in self._buffers]

    def grouped(self) -> None:
        """After each group: note its statistics, and let the next start where it started."""
        if self._each > 1:
            torch._foreach_add_(self._total, self._buffers)
            torch._foreach_copy_(self._buffers, self._before)

    def stepped(self) -> None:
        """After the last group of a step: their mean is what stays."""
        if self._each > 1:
            torch._foreach_copy_(self._buffers, torch._foreach_div(self._total, self._each))
            torch._foreach_zero_(self._total)
        self._ranks.average(self._buffers)
        if self._each > 1:
            torch._foreach_copy_(self._before, self._buffers)


@contextmanager
def joined(device: str = "auto") -> Iterator[Ranks]:
    """Meet the other processes that ``torchrun`` started, if any: gloo on CPU, nccl on CUDA.

    Raises DeviceError when the environment is incomplete or they do not meet.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Ranks()
        return
    cuda = device != "cpu" and torch.cuda.is_available()
    try:
        ranks = Ranks(int(os.environ["RANK"]), world, int(os.environ.get("LOCAL_RANK", "0")))
        if cuda:
            torch.cuda.set_device(ranks.local)
        distributed.init_process_group("nccl" if cuda else "gloo", timeout=_PATIENCE)
    except (KeyError, ValueError, RuntimeError) as error:
        raise DeviceError(
            f"The processes did not meet: {error}. Start them with torchrun."
        ) from error
    try:
        yield ranks
    finally:
        distributed.destroy_process_group()


def _meeting_place() -> torch.device:
    cuda = distributed.get_backend() == "nccl"
    return torch.device("cuda", torch.cuda.current_device()) if cuda else torch.device("cpu")
