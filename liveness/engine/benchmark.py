"""Time one look against the predecessor's pipeline: same pictures, same process, one thread, turn by turn."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liveness.engine import crops, frames
from liveness.engine.crops import CropSpec, Patches
from liveness.engine.faces import FaceDetector, YuNet
from liveness.engine.fas import open_session, softmax
from liveness.engine.look import Engine

_SEED_CROP = CropSpec(scales=(1.5,), size=128, channels="RGB", mean=0.0, std=255.0)


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one step over all rounds: 10th percentile, median, 90th percentile."""

    step: str
    p10: float
    median: float
    p90: float


class SeedPipeline:
    """The predecessor's way: YuNet at 640 px, its 1.5× crop at 128 px RGB, its dynamically quantised network.

    folder: holds ``detector.onnx`` and ``best_model_quantized.onnx``. Raises WeightsError or BundleError.
    """

    def __init__(self, folder: Path) -> None:
        self.detector: FaceDetector = YuNet(folder / "detector.onnx", longest=640)
        self._session = open_session((folder / "best_model_quantized.onnx").read_bytes())
        self._input = self._session.get_inputs()[0].name

    def look(self, jpeg: bytes) -> float | None:
        """p_live (0–1) of the largest face of one JPEG, None without a face."""
        picture = frames.decode(jpeg)
        faces = self.detector.detect(picture)
        if not faces:
            return None
        return self.score(crops.patches(picture, faces[0].box, _SEED_CROP))

    def score(self, patches: Patches) -> float:
        """p_live (0–1) of patches (1, 128, 128, 3) uint8 BGR; its classes are real, spoof."""
        logits = self._session.run(None, {self._input: crops.tensor(patches[None], _SEED_CROP)})[0]
        return float(softmax(np.asarray(logits, dtype=np.float32))[0, 0])

    def patches(self, jpeg: bytes) -> Patches:
        picture = frames.decode(jpeg)
        return crops.patches(picture, self.detector.detect(picture)[0].box, _SEED_CROP)


def steps(
    engine: Engine, seed: SeedPipeline | None, jpeg: bytes
) -> list[tuple[str, Callable[[], object]]]:
    """Named steps on one JPEG with a judgeable face: our look and its parts, then the predecessor's."""
    picture = frames.decode(jpeg)
    box = engine.detector.detect(picture)[0].box
    spec = engine.model.bundle.crop
    ours = crops.patches(picture, box, spec)[None]
    named: list[tuple[str, Callable[[], object]]] = [
        ("one look", lambda: engine.look(jpeg)),
        ("  decode", lambda: frames.decode(jpeg)),
        ("  detect", lambda: engine.detector.detect(picture)),
        ("  crop", lambda: crops.patches(picture, box, spec)),
        ("  score", lambda: engine.model.score(ours)),
    ]
    if seed is not None:
        named += _seed_steps(seed, jpeg, picture)
    return named


def _seed_steps(
    seed: SeedPipeline, jpeg: bytes, picture: frames.Picture
) -> list[tuple[str, Callable[[], object]]]:
    theirs = seed.patches(jpeg)
    return [
        ("predecessor: one look", lambda: seed.look(jpeg)),
        ("  detect", lambda: seed.detector.detect(picture)),
        ("  score", lambda: seed.score(theirs)),
    ]


def measure(named: Sequence[tuple[str, Callable[[], object]]], rounds: int) -> list[Timing]:
    """Time every step once a round, in turn, so that a noisy moment strikes all alike. One round warms up."""
    seconds = np.zeros((rounds + 1, len(named)))
    for turn in range(rounds + 1):
        for column, (_, step) in enumerate(named):
            begin = time.perf_counter()
            step()
            seconds[turn, column] = time.perf_counter() - begin
    p10, median, p90 = np.percentile(seconds[1:] * 1000, [10, 50, 90], axis=0)
    return [
        Timing(name, float(p10[i]), float(median[i]), float(p90[i]))
        for i, (name, _) in enumerate(named)
    ]
