"""Weights to begin a training from, with the cameras that they have learnt from.

Training that begins from weights which have seen a camera cannot be judged on it, so the names of the domains travel
with the weights. A start is a checkpoint (``best.pt``), or a small file for keeping and shipping (``.npz``): every
tensor of the averaged network as float16, and ``about``, a JSON object with net, crop, teachers and domains.
"""

import io
import json
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from liveness.engine.crops import CropSpec
from training.fas.checkpoints import CheckpointError, crop_dict, load, write
from training.fas.data import LeakError
from training.fas.nets import NetSpec, TrainingNet
from training.fas.tables import TABLES

_HEAD = "opinions."
FIRST = ("net.conv1.", "net.conv2_dw.", "net.conv_23.", "net.conv_3.")
"""Layers up to a quarter of the input's side: they see edges and grain, and stay as they were when a run goes on."""
MIDDLE = ("net.conv_34.", "net.conv_4.")
"""Layers at an eighth of the input's side: they stay as they were learnt."""

TIED = "tied.pt"
"""A checkpoint whose weights were tied to those it began with, beside the one it was made of."""


@dataclass(frozen=True)
class Start:
    """Weights of a TrainingNet by name, and the domains that they were learnt from; partial: layers without any stay fresh."""

    path: Path
    weights: Mapping[str, Tensor]
    domains: tuple[str, ...]
    partial: bool = False

    def check_unseen(self, held_out: Collection[str]) -> None:
        """Raise LeakError when any held-out domain is among those that the weights have learnt from."""
        if seen := sorted(set(self.domains) & set(held_out)):
            raise LeakError(
                f"{self.path} has learnt from {', '.join(seen)}, which this run holds out."
            )

    def put_into(self, net: TrainingNet) -> None:
        """Copy the weights; the heads for teachers stay fresh where other teachers speak. Raises CheckpointError."""
        own = net.state_dict()
        weights = {
            name: value
            for name, value in self.weights.items()
            if not name.startswith(_HEAD) or (name in own and own[name].shape == value.shape)
        }
        try:
            missing, unknown = net.load_state_dict(weights, strict=False)
        except RuntimeError as error:
            raise CheckpointError(f"{self.path} does not fit this network: {error}") from error
        needed = [name for name in missing if not name.startswith(_HEAD)]
        if unknown or (needed and not self.partial):
            raise CheckpointError(f"{self.path} does not fit this network.")


def read(path: Path, net: NetSpec, crop: CropSpec) -> Start:
    """Read a start made for this network and crop; dropout may differ, and, where maps are pooled, the size of a patch.

    Raises CheckpointError.
    """
    if path.suffix == ".npz":
        about, weights = _unpacked(path)
    else:
        about = load(path)
        weights = about["average"]
    pooled = TABLES[net.arch].pooled
    its_net = {**about["net"], "dropout": net.dropout, **({"size": net.size} if pooled else {})}
    its_crop = {**about["crop"], **({"size": crop.size} if pooled else {})}
    if (its_net, its_crop) != (net.as_dict(), crop_dict(crop)):
        raise CheckpointError(f"{path} was made for another network or preprocessing.")
    return Start(path, weights, tuple(about["domains"]))


def pack(checkpoint: Path, target: Path) -> int:
    """Write the averaged network of a checkpoint as a small start file; its size in bytes. Raises CheckpointError."""
    saved = load(checkpoint)
    about = {name: saved[name] for name in ("net", "crop", "teachers", "domains")}
    arrays: dict[str, Any] = {
        name: value.half().numpy() if value.is_floating_point() else value.numpy()
        for name, value in saved["average"].items()
    }
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, about=np.array(json.dumps(about)), **arrays)
    write(target, file.getvalue())
    return target.stat().st_size


def tied(checkpoint: Path, start: Start, keep: float) -> Path:
    """Weights on the way from a run's best ones back to those it began with: the FIRST layers all of the way, the MIDDLE
    ones none of it, the others ``keep`` (0–1) of it.

    What was learnt outlasts more of that way than what was forgotten does (Ilharco et al., "Patching open-vocabulary
    models by interpolating weights", 2022), and which layers should learn depends on what is new (Lee et al., "Surgical
    fine-tuning improves adaptation to distribution shifts", 2023): edges and grain are the same for every camera. Writes TIED
    beside the checkpoint. Raises CheckpointError.
    """
    saved = load(checkpoint)
    for name, value in saved["average"].items():
        before = start.weights.get(name)
        same = before is not None and before.shape == value.shape and value.is_floating_point()
        if same and not name.startswith(_HEAD):
            value.lerp_(before, _way_back(name, keep))
    file = io.BytesIO()
    torch.save(saved, file)
    target = checkpoint.with_name(TIED)
    write(target, file.getvalue())
    return target


def _way_back(name: str, keep: float) -> float:
    if name.startswith(FIRST):
        return 1.0
    return 0.0 if name.startswith(MIDDLE) else keep


def _unpacked(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(str(arrays.pop("about")))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path} is damaged or no start for a training.") from error
    half = {n: torch.from_numpy(a) for n, a in arrays.items()}
    return about, {n: t.float() if t.is_floating_point() else t for n, t in half.items()}
