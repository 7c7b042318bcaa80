"""A teacher that this repository fits itself: the whole ImageNet network as it is, and a last layer for it.

All sixteen blocks of EfficientNet-Lite0 do not fit into a bundle; ``minifasnet_lite`` begins with nine. What all of them
see in a view never changes, so that it is kept beside the views, and every run fits its own last layer to it, without
the cameras that it holds out, by the logistic regression that also fits the student's (``probe``).
"""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from liveness.engine import weights
from liveness.engine.crops import CropSpec, Patches, tensor
from liveness.engine.fas import turned
from training.fas import imagenet, probe
from training.fas.nets import GREY, pool
from training.fas.views import Views, ViewsError

_BLOCKS = (
    *((3, 1), (3, 2), (3, 1), (5, 2), (5, 1), (3, 2), (3, 1), (3, 1)),
    *((5, 1), (5, 1), (5, 1), (5, 2), (5, 1), (5, 1), (5, 1), (3, 1)),
)
"""Kernel and stride of each block (Tan and Le, "EfficientNet", 2019, table 1)."""
_POOLED = (2, 4, 7, 8, 11, 15)
WIDTH = 3 * (24 + 40 + 80 + 112 + 192 + 320)
"""Numbers that one patch becomes: mean, maximum and deviation of each channel after the blocks named."""

_CHUNK = 32
_LEAST = 1e-2
_SURE = 12.0

Maps = NDArray[np.float16]
Layer = tuple[Tensor, Tensor]


class Deep:
    """EfficientNet-Lite0 without its last layer. Raises WeightsError when the package is missing or damaged."""

    def __init__(self) -> None:
        data = io.BytesIO(weights.read(imagenet.PUBLISHED))
        saved: imagenet.Weights = torch.load(data, map_location="cpu", weights_only=True)
        self._stem = _fused(*imagenet.stem(saved, 255.0))
        self._blocks = [
            {
                part: _fused(*imagenet.layer(saved, f"_blocks.{number}.", part))
                for part in ("conv", "conv_dw", "project")
                if part != "conv" or number
            }
            for number in range(len(_BLOCKS))
        ]

    def maps(self, faces: Patches) -> Maps:
        """What it sees of patches (N, P, S, S, 3), each face with its brighter side left: (N, P·WIDTH) float16."""
        inputs = torch.from_numpy(
            tensor(turned(faces), CropSpec((1.0,) * faces.shape[1], faces.shape[2]))
        )
        with torch.inference_mode():
            found = self._pooled(inputs.reshape(-1, 3, *inputs.shape[2:]))
        return np.asarray(found.reshape(len(faces), -1).numpy(), np.float16)

    def _pooled(self, x: Tensor) -> Tensor:
        """(N, 3, S, S), BGR, 0–1 → (N, WIDTH)."""
        x = (x - GREY).contiguous(memory_format=torch.channels_last)
        x = functional.conv2d(x, *self._stem, stride=2, padding=1).clamp_(0, 6)
        found = []
        for number, ((kernel, stride), layers) in enumerate(
            zip(_BLOCKS, self._blocks, strict=True)
        ):
            y = functional.conv2d(x, *layers["conv"]).clamp_(0, 6) if "conv" in layers else x
            each = {"stride": stride, "padding": kernel // 2, "groups": y.shape[1]}
            y = functional.conv2d(y, *layers["conv_dw"], **each).clamp_(0, 6)
            y = functional.conv2d(y, *layers["project"])
            x = x + y if stride == 1 and x.shape == y.shape else y
            if number in _POOLED:
                found.append(pool(x))
        return torch.cat(found, dim=1)


def fill(views: Views, jobs: int, say: Callable[[str], None]) -> None:
    """Keep the maps of every view beside its shard. What is there stays. Raises WeightsError, ViewsError: no room."""
    deep = Deep()
    missing = [(path, held) for path, held in views.shards if not _beside(path).exists()]
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(jobs) as workers:
            for done, (path, held) in enumerate(missing, 1):
                chunks = [np.array(held[at : at + _CHUNK]) for at in range(0, len(held), _CHUNK)]
                seen = workers.map(lambda chunk: deep.maps(views.rows(chunk).patches), chunks)
                _keep(_beside(path), np.concatenate(list(seen)))
                say(f"{done} of {len(missing)} shards seen by the whole ImageNet network.")
    except OSError as error:
        raise ViewsError(f"{views.folder} cannot be written: {error}") from error


@dataclass(frozen=True)
class Teacher:
    """The last layer that a run fits; ``weight``: its logit's share of the teachers' sum. See ``views.Further``."""

    weight: float

    @property
    def weights(self) -> tuple[float, ...]:
        return (self.weight,)

    def opinions(self, views: Views, eligible: NDArray[np.int64]) -> NDArray[np.float32]:
        """Those of the eligible views that have a label are learnt from, and all of them judged. Raises ViewsError."""
        x = _normal(np.concatenate([_read(path) for path, _ in views.shards])[eligible])
        live = torch.from_numpy(views.live[eligible])
        told = ~live.isnan()
        slope, offset = probe.logistic(x[told], live[told])
        said = np.full((len(views), 1), np.nan, np.float32)
        said[eligible, 0] = (x @ slope + offset).clamp(-_SURE, _SURE).numpy()
        return said


def _normal(maps: Maps) -> Tensor:
    x = torch.from_numpy(maps.astype(np.float32))
    return x.sub_(x.mean(0)).div_(x.std(0, correction=0) + _LEAST)


def _keep(path: Path, maps: Maps) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.save(file, maps)
    part.replace(path)


def _read(shard: Path) -> Maps:
    path = _beside(shard)
    try:
        maps: Maps = np.load(path)
    except FileNotFoundError as error:
        raise ViewsError(f"{path} is missing: make_views adds it with --deep.") from error
    except (OSError, ValueError) as error:
        raise ViewsError(f"{path} is damaged; delete it, and make_views --deep adds it.") from error
    return maps


def _beside(shard: Path) -> Path:
    return shard.with_suffix(".deep")


def _fused(kernel: Tensor, norm: dict[str, Tensor]) -> Layer:
    """A convolution and its batch normalisation as one: kernel and bias."""
    gain = norm["weight"] / (norm["running_var"] + 1e-5).sqrt()
    kernel = (kernel * gain[:, None, None, None]).contiguous(memory_format=torch.channels_last)
    return kernel, norm["bias"] - norm["running_mean"] * gain
