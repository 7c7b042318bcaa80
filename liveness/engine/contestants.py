"""What the benchmark times: our look, its networks in OpenCV, and the predecessor's pipeline."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from liveness.engine import crops, frames, quality, weights
from liveness.engine.benchmark import LOOK, OPENCV, OURS, SEED, Step
from liveness.engine.crops import Box, CropSpec
from liveness.engine.faces import Embedding
from liveness.engine.fas import open_session, softmax
from liveness.engine.look import Engine

_SEED_CROP = CropSpec(scales=(1.5,), size=128, channels="RGB", mean=0.0, std=255.0)


class OurPipeline:
    """An engine. match: compares an embedding with a stored template; None leaves the stage out."""

    name = OURS

    def __init__(self, engine: Engine, match: Callable[[Embedding], object] | None = None) -> None:
        self._engine = engine
        self._match = match

    def stages(self, jpeg: bytes) -> Mapping[str, Step]:
        """``network`` is one pass of the liveness network; ``score`` all passes, with what lies around them."""
        engine, picture = self._engine, frames.decode(jpeg)
        model, spec = engine.model, engine.model.bundle.crop
        faces = engine.detector.detect(picture)
        face, match = faces[0], self._match
        patches = crops.patches(picture, face.box, spec)[None]
        inputs, embedding = crops.tensor(patches, spec), engine.embed_at(picture, face)
        stages: dict[str, Step] = {
            LOOK: lambda: engine.look(jpeg),
            "decode": lambda: frames.decode(jpeg),
            "detect": lambda: engine.detector.detect(picture),
            "quality": lambda: quality.assess(picture, faces, engine.limits),
            "crop": lambda: crops.patches(picture, face.box, spec),
            "score": lambda: model.score(patches),
            "network": lambda: model.logits(inputs),
            "embed": lambda: engine.embed_at(picture, face),
        }
        if match is not None:
            stages["match"] = lambda: match(embedding)
        return stages


class OpenCVPipeline:
    """The same detector and embedder, run by OpenCV: what ours has to be faster than."""

    name = OPENCV

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        empty = np.zeros(0, np.uint8)
        detector, embedder = (
            np.frombuffer(weights.read(pinned), np.uint8)
            for pinned in (weights.YUNET, weights.SFACE)
        )
        self._detector = cv2.FaceDetectorYN.create("onnx", detector, empty, (320, 240), 0.7)
        self._embedder = cv2.FaceRecognizerSF.create("onnx", embedder, empty)

    def stages(self, jpeg: bytes) -> Mapping[str, Step]:
        picture = frames.decode(jpeg)

        def shrunk() -> Any:
            return cv2.resize(picture, (320, 240), interpolation=cv2.INTER_AREA)

        row = self._detector.detect(shrunk())[1][0] * np.array([2.0] * 14 + [1.0], np.float32)
        return {
            "detect": lambda: self._detector.detect(shrunk()),
            "embed": lambda: self._embedder.feature(self._embedder.alignCrop(picture, row)),
        }


class SeedPipeline:
    """The predecessor's way: YuNet in OpenCV at 640 px, its 1.5× crop at 128 px RGB, its dynamically quantised network.

    folder: holds ``detector.onnx`` and ``best_model_quantized.onnx``. Raises WeightsError or BundleError.
    """

    name = SEED

    def __init__(self, folder: Path) -> None:
        cv2.setNumThreads(1)
        self._weights = np.frombuffer(weights.read_file(folder / "detector.onnx"), np.uint8)
        self._session = open_session(weights.read_file(folder / "best_model_quantized.onnx"))
        self._input = self._session.get_inputs()[0].name
        self._local = threading.local()

    def stages(self, jpeg: bytes) -> Mapping[str, Step]:
        picture = frames.decode(jpeg)
        box = self._detect(picture)
        patches = crops.patches(picture, box, _SEED_CROP)
        inputs = crops.tensor(patches[None], _SEED_CROP)
        return {
            LOOK: lambda: self._look(jpeg),
            "decode": lambda: frames.decode(jpeg),
            "detect": lambda: self._detect(picture),
            "crop": lambda: crops.patches(picture, box, _SEED_CROP),
            "score": lambda: self._score(patches),
            "network": lambda: self._session.run(None, {self._input: inputs}),
        }

    def _look(self, jpeg: bytes) -> float:
        picture = frames.decode(jpeg)
        return self._score(crops.patches(picture, self._detect(picture), _SEED_CROP))

    def _detect(self, picture: frames.Picture) -> Box:
        """The largest face. One network a thread: OpenCV's are not thread-safe."""
        size = picture.shape[1], picture.shape[0]
        detector = getattr(self._local, "detector", None)
        if detector is None:
            empty = np.zeros(0, np.uint8)
            detector = cv2.FaceDetectorYN.create("onnx", self._weights, empty, size, 0.7)
            self._local.detector = detector
        detector.setInputSize(size)
        largest = max(detector.detect(picture)[1], key=lambda row: row[2] * row[3])
        return Box(*(float(value) for value in largest[:4]))

    def _score(self, patches: crops.Patches) -> float:
        inputs = crops.tensor(patches[None], _SEED_CROP)
        logits = self._session.run(None, {self._input: inputs})[0]
        return float(softmax(np.asarray(logits, dtype=np.float32))[0, 0])
