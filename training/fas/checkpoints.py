"""Everything that a run needs in order to go on as if nothing had happened, in one file."""

import io
import math
import os
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from liveness.engine.crops import CropSpec
from training.fas.nets import NetSpec, TrainingNet

_NUMBERS = ("epoch", "batch", "steps", "elapsed", "began", "best", "since", "history")


class CheckpointError(RuntimeError):
    """A checkpoint is missing, cannot be written, or belongs to another run; the message says what to do."""


@dataclass
class State:
    """All that changes while fitting. There is no random state: random numbers follow from seed, step and group.

    epoch counts finished ones, batch those of the present epoch; elapsed seconds of fitting, of which ``began`` before
    this epoch; best AUC, and ``since`` how many epochs it has stood; sums over the batches of this epoch.
    """

    model: TrainingNet
    average: TrainingNet
    optimiser: torch.optim.Optimizer
    sums: Tensor
    epoch: int = 0
    batch: int = 0
    steps: int = 0
    elapsed: float = 0.0
    began: float = 0.0
    best: float = -math.inf
    since: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Identity:
    """What a checkpoint belongs to. ``bound``: plain values that a resumed run must have in common with it.

    domains: the cameras that its weights have learnt from.
    """

    net: NetSpec
    crop: CropSpec
    teachers: int = 0
    bound: Mapping[str, Any] = field(default_factory=dict)
    domains: tuple[str, ...] = ()


def save(path: Path, state: State, identity: Identity) -> None:
    """Write beside and rename: an interrupted write never leaves half a checkpoint.

    Raises CheckpointError when it cannot be written; an earlier one stays as it is.
    """
    saved = {
        "net": identity.net.as_dict(),
        "crop": crop_dict(identity.crop),
        "bound": dict(identity.bound),
        "teachers": identity.teachers,
        "domains": list(identity.domains),
        "model": state.model.state_dict(),
        "average": state.average.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "sums": state.sums,
        **{name: getattr(state, name) for name in _NUMBERS},
    }
    file = io.BytesIO()
    torch.save(saved, file)
    write(path, file.getvalue())


def write(path: Path, data: bytes) -> None:
    """Replace a file as a whole. Raises CheckpointError."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        kept = f" The earlier {path.name} is intact." if path.exists() else ""
        raise CheckpointError(
            f"{path} cannot be written: {error.strerror}.{kept} Make room, then continue with --resume."
        ) from error


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint. Raises CheckpointError: missing, damaged, or of another version."""
    try:
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path} is damaged; start afresh without --resume.") from error
    if not {"net", "crop", "bound", "domains", *_NUMBERS} <= saved.keys():
        raise CheckpointError(f"{path} is of another version; start afresh without --resume.")
    return saved


def load_for(path: Path, net: NetSpec, crop: CropSpec) -> dict[str, Any]:
    """Read a checkpoint made for exactly this network and crop. Raises CheckpointError otherwise."""
    saved = load(path)
    if saved["net"] != net.as_dict() or saved["crop"] != crop_dict(crop):
        raise CheckpointError(f"{path} was made for another network or preprocessing.")
    return saved


def restore(path: Path, state: State, identity: Identity) -> None:
    """Put a checkpoint into a fresh state. Raises CheckpointError when it is another run's."""
    saved = load_for(path, identity.net, identity.crop)
    check_bound(path, saved["bound"], identity.bound)
    state.model.load_state_dict(saved["model"], strict=True)
    state.average.load_state_dict(saved["average"], strict=True)
    state.optimiser.load_state_dict(saved["optimiser"])
    state.sums.copy_(saved["sums"])
    for name in _NUMBERS:
        setattr(state, name, saved[name])


def check_bound(path: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise CheckpointError naming what differs: a run that changes midway is neither the one nor the other."""
    differ = [
        f"{name} was {then.get(name)!r} and is {now.get(name)!r}"
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]
    if differ:
        raise CheckpointError(
            f"{path} belongs to another run: {'; '.join(differ)}. "
            "Resume with the same options, or start afresh in another folder."
        )


def crop_dict(crop: CropSpec) -> dict[str, Any]:
    """A CropSpec as plain values for a checkpoint."""
    return {**asdict(crop), "scales": list(crop.scales)}
