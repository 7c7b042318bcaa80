"""Find faces and tell people apart: detectors, the embedder, cosine similarity."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from liveness.engine import weights
from liveness.engine.crops import Box
from liveness.engine.frames import Picture

Embedding = NDArray[np.float32]
"""A face embedding: (128,), float32, unit Euclidean length."""

Landmarks = NDArray[np.float32]
"""Five points (5, 2), float32, pixels (x, y): right eye, left eye, nose tip, right and left mouth corner."""


class NoLandmarksError(ValueError):
    """The detector that found this face gives no landmarks, so it cannot be aligned."""


@dataclass(frozen=True)
class Face:
    """One detected face. ``score`` is the detector's confidence, 0–1; ``landmarks`` is None for box-only detectors."""

    box: Box
    score: float
    landmarks: Landmarks | None = None


class FaceDetector(Protocol):
    """Finds faces in a BGR uint8 (H, W, 3) picture, largest first. Safe to call from several threads."""

    def detect(self, picture: Picture) -> list[Face]: ...


class YuNet:
    """YuNet (Wu, Peng & Yu, 2023) through OpenCV. The picture is shrunk so that its longer side is ``longest`` pixels.

    At 320 pixels it costs a third of 640 and still finds every face that is large enough to be judged.
    """

    def __init__(
        self, path: Path | None = None, longest: int = 320, min_score: float = 0.7
    ) -> None:
        self._weights = np.frombuffer(weights.read(weights.YUNET, path), np.uint8)
        self._longest = longest
        self._min_score = min_score
        self._local = threading.local()

    def detect(self, picture: Picture) -> list[Face]:
        height, width = picture.shape[:2]
        shrink = min(1.0, self._longest / max(height, width))
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if shrink < 1 else picture
        _, rows = self._network(size).detect(small)
        faces = [_yunet_face(row, width / size[0], height / size[1]) for row in _rows(rows)]
        return _largest_first(faces)

    def _network(self, size: tuple[int, int]) -> cv2.FaceDetectorYN:
        """One network a thread: OpenCV's are not thread-safe."""
        network: cv2.FaceDetectorYN | None = getattr(self._local, "network", None)
        if network is None:
            empty = np.zeros(0, np.uint8)
            network = cv2.FaceDetectorYN.create("onnx", self._weights, empty, size, self._min_score)
            self._local.network = network
        network.setInputSize(size)
        return network


class RetinaFace:
    """Silent-Face's Caffe RetinaFace: boxes without landmarks, for comparisons and for preparing data.

    folder: holds ``deploy.prototxt`` and ``Widerface-RetinaFace.caffemodel``.
    """

    _MEAN = (104.0, 117.0, 123.0)

    def __init__(
        self, folder: Path | None = None, longest: int = 192, min_score: float = 0.6
    ) -> None:
        if folder is None:
            raise weights.WeightsError("retinaface needs the path of its Caffe files.")
        files = folder / "deploy.prototxt", folder / "Widerface-RetinaFace.caffemodel"
        self._files = [np.frombuffer(weights.read_file(file), np.uint8) for file in files]
        self._longest = longest
        self._min_score = min_score
        self._local = threading.local()

    def detect(self, picture: Picture) -> list[Face]:
        height, width = picture.shape[:2]
        shrink = min(1.0, self._longest / np.sqrt(height * width))
        size = max(1, int(width * shrink)), max(1, int(height * shrink))
        network = self._network()
        network.setInput(cv2.dnn.blobFromImage(picture, 1.0, size, self._MEAN), "data")
        rows = network.forward("detection_out").reshape(-1, 7)
        kept = [row for row in rows if row[2] >= self._min_score]
        return _largest_first([_ssd_face(row, width, height) for row in kept])

    def _network(self) -> cv2.dnn.Net:
        network: cv2.dnn.Net | None = getattr(self._local, "network", None)
        if network is None:
            network = self._local.network = cv2.dnn.readNetFromCaffe(*self._files)
        return network


DETECTORS: Mapping[str, Callable[[Path | None], FaceDetector]] = {
    "yunet": YuNet,
    "retinaface": RetinaFace,
}


class SFace:
    """SFace (Zhong et al., 2021) through OpenCV: 112 px alignment by five landmarks, 128-d unit embedding."""

    def __init__(self, path: Path | None = None) -> None:
        self._weights = np.frombuffer(weights.read(weights.SFACE, path), np.uint8)
        self._lock = threading.Lock()
        self._network: cv2.FaceRecognizerSF | None = None

    def embed(self, picture: Picture, face: Face) -> Embedding:
        """Embed one face of a BGR uint8 (H, W, 3) picture. Raises NoLandmarksError without landmarks."""
        if face.landmarks is None:
            raise NoLandmarksError("The face has no landmarks; use the yunet detector.")
        box = (face.box.x, face.box.y, face.box.w, face.box.h)
        row = np.array([*box, *face.landmarks.ravel(), face.score], dtype=np.float32)
        with self._lock:
            return self._feature(self._loaded().alignCrop(picture, row))

    def embed_aligned(self, aligned: Picture) -> Embedding:
        """Embed an already aligned BGR uint8 (112, 112, 3) face."""
        with self._lock:
            return self._feature(aligned)

    def _feature(self, aligned: cv2.typing.MatLike) -> Embedding:
        vector = self._loaded().feature(aligned).reshape(-1).astype(np.float32)
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)

    def _loaded(self) -> cv2.FaceRecognizerSF:
        """Loaded at first use: a sign-in that fails liveness never needs it."""
        if self._network is None:
            empty = np.zeros(0, np.uint8)
            self._network = cv2.FaceRecognizerSF.create("onnx", self._weights, empty)
        return self._network


def similarity(one: Embedding, other: Embedding) -> float:
    """Cosine similarity of two unit embeddings, -1–1."""
    return float(np.dot(one, other))


def _rows(found: Any) -> Sequence[NDArray[np.float32]]:
    return [] if found is None else list(found)


def _yunet_face(row: NDArray[np.float32], fx: float, fy: float) -> Face:
    points = row[4:14].reshape(5, 2) * np.array([fx, fy], np.float32)
    box = Box(float(row[0]) * fx, float(row[1]) * fy, float(row[2]) * fx, float(row[3]) * fy)
    return Face(box, float(row[14]), np.asarray(points, dtype=np.float32))


def _ssd_face(row: NDArray[Any], width: int, height: int) -> Face:
    left, top, right, bottom = (float(v) for v in row[3:7] * (width, height, width, height))
    return Face(Box(left, top, right - left + 1, bottom - top + 1), float(row[2]))


def _largest_first(faces: list[Face]) -> list[Face]:
    return sorted(faces, key=lambda face: face.box.w * face.box.h, reverse=True)
