"""The predecessors' own networks, each with its own crop and preprocessing, as scorers for comparisons.

This module pulls in torch: import it only where a comparison really starts.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from liveness.engine import crops, frames
from liveness.engine.benchmark import LOOK, Step
from liveness.engine.crops import Box, CropSpec, Patches
from liveness.engine.faces import RetinaFace
from liveness.engine.fas import open_session, softmax
from liveness.engine.frames import Picture
from liveness.engine.weights import WeightsError, read_file
from training.fas import export, flops, published
from training.fas.flops import Cost
from training.fas.nets import NetSpec

SEED_CROP = CropSpec(scales=(1.5,), size=128, channels="RGB")
SEED_NET = NetSpec("minifasnet_v2se", patches=1, size=128, classes=2, activation="prelu")
SEED_FILES = {"seed FP32": "best_model.onnx", "seed INT8": "best_model_quantized.onnx"}


class Scorer(Protocol):
    """Judges a face in a picture (H, W, 3) uint8 BGR on one thread. Cutting and judging are timed apart.

    size: bytes of its network files; threshold: p_live from which it calls a face live; cost: None if unknown.
    """

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def threshold(self) -> float: ...
    @property
    def cost(self) -> Cost | None: ...

    def cut(self, picture: Picture, box: Box) -> Any:
        """What ``judge`` takes, uint8."""

    def judge(self, patches: Any) -> float:
        """p_live, 0–1."""


class SeedNet:
    """The seed's MiniFASNetV2-SE: reflected 1.5× square, 128 px, RGB / 255, logits real and spoof."""

    threshold = 0.5

    def __init__(self, name: str, path: Path) -> None:
        model = read_file(path)
        self.name, self.size = name, len(model)
        self.cost: Cost | None = flops.of_spec(SEED_NET)
        self._session = open_session(model)
        self._input = self._session.get_inputs()[0].name

    def cut(self, picture: Picture, box: Box) -> Patches:
        return crops.patches(picture, box, SEED_CROP)

    def judge(self, patches: Patches) -> float:
        logits = self._session.run(None, {self._input: crops.tensor(patches[None], SEED_CROP)})[0]
        return float(softmax(np.asarray(logits, dtype=np.float32))[0, 0])


class SilentFacePair:
    """Silent-Face's 2.7× V2 and 4.0× V1SE: the mean of both networks' P(live), in FP32 through ONNX Runtime."""

    name, threshold = "Silent-Face pair", 0.5

    def __init__(self, folder: Path) -> None:
        nets = [published.load(folder, member) for member in published.PAIR]
        costs = [flops.of_spec(member.spec) for member in published.PAIR]
        self.size = sum((folder / member.file).stat().st_size for member in published.PAIR)
        self.cost: Cost | None = Cost(
            sum(cost.macs for cost in costs), sum(cost.parameters for cost in costs)
        )
        self._sessions = [open_session(export.to_onnx(net)) for net in nets]

    def cut(self, picture: Picture, box: Box) -> list[Picture]:
        return [published.crop(picture, box, member.scale) for member in published.PAIR]

    def judge(self, patches: list[Picture]) -> float:
        live = published.CLASSES.index("live")
        logits = [
            self._logits(session, patch)
            for session, patch in zip(self._sessions, patches, strict=True)
        ]
        return float(softmax(np.stack(logits))[:, live].mean())

    def _logits(self, session: Any, patch: Picture) -> NDArray[np.float32]:
        rows = session.run(None, {export.INPUT: published.tensor(patch)})[0]
        return np.asarray(rows[0], dtype=np.float32)


def score(scorer: Scorer, picture: Picture, box: Box) -> float:
    """p_live, 0–1, of one face."""
    return scorer.judge(scorer.cut(picture, box))


def open_all(folder: Path) -> list[Scorer]:
    """Every predecessor whose folder, ``seed`` or ``silentface``, is there.

    Raises WeightsError when neither is, or a file is missing or damaged; BundleError when a network cannot be loaded.
    """
    found: list[Scorer] = []
    if (folder / "seed").is_dir():
        found += [SeedNet(name, folder / "seed" / file) for name, file in SEED_FILES.items()]
    if (folder / "silentface").is_dir():
        found.append(SilentFacePair(folder / "silentface"))
    if not found:
        raise WeightsError(f"{folder} holds neither a folder seed nor a folder silentface.")
    return found


class SilentFacePipeline:
    """Silent-Face from the bytes to the score: its RetinaFace, its two crops, its two networks. For the benchmark.

    folder: holds its Caffe files and its weights. Raises WeightsError.
    """

    name = "Silent-Face"

    def __init__(self, folder: Path) -> None:
        self._detector = RetinaFace(folder)
        self._pair = SilentFacePair(folder)

    def stages(self, jpeg: bytes) -> Mapping[str, Step]:
        picture = frames.decode(jpeg)
        box = self._detector.detect(picture)[0].box
        patches = self._pair.cut(picture, box)
        return {
            LOOK: lambda: self._look(jpeg),
            "decode": lambda: frames.decode(jpeg),
            "detect": lambda: self._detector.detect(picture),
            "crop": lambda: self._pair.cut(picture, box),
            "score": lambda: self._pair.judge(patches),
        }

    def _look(self, jpeg: bytes) -> float:
        picture = frames.decode(jpeg)
        return score(self._pair, picture, self._detector.detect(picture)[0].box)
