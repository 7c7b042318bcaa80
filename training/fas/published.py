"""Silent-Face's published pair as it was meant to run: its weights in our networks, its crop, its order of channels.

Source: Minivision's Silent-Face-Anti-Spoofing (``anti_spoof_predict.py``, ``generate_patches.py``, Apache-2.0). For
comparisons and as a teacher only: its files are not part of the product.
"""

import io
import pickle
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from liveness.engine.crops import Box
from liveness.engine.frames import Picture
from liveness.engine.weights import WeightsError, read_file
from training.fas.nets import MiniFASNet, NetSpec

SIZE = 80
CLASSES = ("fake", "live", "other")


@dataclass(frozen=True)
class Published:
    """One network of the pair: its file, its table and the side of its crop in multiples of the box."""

    file: str
    arch: str
    scale: float

    @property
    def spec(self) -> NetSpec:
        return NetSpec(self.arch, patches=1, size=SIZE, classes=len(CLASSES), activation="prelu")


PAIR = (
    Published("2.7_80x80_MiniFASNetV2.pth", "minifasnet_v2", 2.7),
    Published("4_0_0_80x80_MiniFASNetV1SE.pth", "minifasnet_v1se", 4.0),
)


def load(folder: Path, member: Published) -> MiniFASNet:
    """One network of the pair in evaluation mode; every published weight must fit. Raises WeightsError."""
    path = folder / member.file
    data = io.BytesIO(read_file(path))
    try:
        saved = torch.load(data, map_location="cpu", weights_only=True)
        weights = {name.removeprefix("module."): value for name, value in saved.items()}
        net = MiniFASNet(member.spec)
        net.load_state_dict(weights, strict=True)
    except (RuntimeError, EOFError, AttributeError, pickle.UnpicklingError) as error:
        raise WeightsError(f"{path} does not hold the published weights: {error}") from error
    return net.eval()


def crop(picture: Picture, box: Box, scale: float) -> Picture:
    """The box, ``scale`` times as wide and high, as (SIZE, SIZE, 3) uint8 BGR.

    It shrinks until it fits into the picture and moves inside, as ``CropImage`` does; it need not be square.
    """
    height, width = picture.shape[:2]
    scale = min((height - 1) / box.h, (width - 1) / box.w, scale)
    (cx, cy), (last_x, last_y) = box.centre, (width - 1, height - 1)
    columns = _inside(cx, box.w * scale, last_x)
    rows = _inside(cy, box.h * scale, last_y)
    return np.asarray(cv2.resize(picture[rows, columns], (SIZE, SIZE)), dtype=np.uint8)


def tensor(patch: Picture) -> NDArray[np.float32]:
    """Network input (1, 3, SIZE, SIZE) float32, BGR, 0–255 and not divided, of a patch (SIZE, SIZE, 3) uint8 BGR."""
    return np.asarray(patch.transpose(2, 0, 1)[None], dtype=np.float32)


def _inside(centre: float, length: float, last: int) -> slice:
    """``length`` pixels around ``centre``, moved into 0–``last``; both ends belong to it."""
    start = min(max(centre - length / 2, 0.0), last - length)
    return slice(int(start), int(start + length) + 1)
