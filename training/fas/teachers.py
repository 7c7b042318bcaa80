"""The predecessors as teachers: what they say about a face, given the very picture that the student is given.

Function matching (Beyer et al., "Knowledge distillation: a good teacher is patient and consistent", 2022): the teacher
judges the same augmented, mixed view, not the frame it came from. Only their outputs are used, none of their weights.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from liveness.engine import crops
from liveness.engine.crops import Box
from liveness.engine.fas import open_session
from liveness.engine.frames import Picture
from liveness.engine.weights import WeightsError, read_file
from training.fas import published

Cuts = tuple[Picture, ...]
"""What each teacher looks at, one (S, S, 3) uint8 BGR picture each."""

Opinions = NDArray[np.float32]
"""(N, T): each teacher's logit for live; NaN where it has none."""

SEED_CROP = crops.CropSpec(scales=(1.5,), size=128, channels="RGB")
SEED_FILE = "best_model.onnx"
_FLOOR = 1e-4


class Teachers(Protocol):
    """``weights``: how the logits add up to one opinion; ``knows``: the domains they are asked about, None for all."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def weights(self) -> tuple[float, ...]: ...
    @property
    def knows(self) -> frozenset[str] | None: ...

    def cut(self, picture: Picture, box: Box) -> Cuts:
        """What each teacher takes of a frame (H, W, 3) uint8 BGR."""
        ...

    def opinions(self, faces: Sequence[Cuts]) -> Opinions:
        """Logits for live (N, T)."""
        ...


class Predecessors:
    """The seed's network (texture, 1.5×) and the Silent-Face pair (surroundings, 2.7× and 4.0×).

    folder: holds ``seed`` and ``silentface`` with their published files. Raises WeightsError.
    """

    names = ("seed 1.5", "silent-face 2.7", "silent-face 4.0")
    weights = (0.3, 0.5, 0.5)
    knows = None

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise WeightsError(f"{folder} is no folder: it should hold seed and silentface.")
        self._seed = open_session(read_file(folder / "seed" / SEED_FILE))
        self._pair = [published.load(folder / "silentface", net) for net in published.PAIR]

    def cut(self, picture: Picture, box: Box) -> Cuts:
        near = crops.patches(picture, box, SEED_CROP)[0]
        return near, *(published.crop(picture, box, net.scale) for net in published.PAIR)

    def opinions(self, faces: Sequence[Cuts]) -> Opinions:
        near, *wide = (np.stack(cuts) for cuts in zip(*faces, strict=True))
        return np.stack([self._texture(near), *map(_surroundings, self._pair, wide)], axis=1)

    def _texture(self, near: NDArray[np.uint8]) -> NDArray[np.float32]:
        name = self._seed.get_inputs()[0].name
        logits = np.asarray(self._seed.run(None, {name: crops.tensor(near[:, None], SEED_CROP)})[0])
        return np.asarray(logits[:, 0] - logits[:, 1], np.float32)


def fused(opinions: Opinions, weights: Sequence[float]) -> NDArray[np.float32]:
    """One logit (N,) from several: independent witnesses add up. NaN where one of them is missing."""
    return np.asarray(opinions @ np.asarray(weights, np.float32), np.float32)


def _surroundings(net: torch.nn.Module, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Logit of P(live) of one network of the pair, P cut at 1e-4."""
    inputs = torch.from_numpy(faces.transpose(0, 3, 1, 2).astype(np.float32))
    with torch.inference_mode():
        chances = net(inputs).double().softmax(1)[:, published.CLASSES.index("live")]
    return chances.clamp(_FLOOR, 1 - _FLOOR).logit().float().numpy()
