"""Find faces and tell people apart: detectors, the embedder, cosine similarity."""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from liveness.engine import graphs, weights
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
    """YuNet (Wu, Peng & Yu, 2023). The picture is shrunk so that its longer side is ``longest`` pixels.

    At 320 pixels it costs a third of 640 and still finds every face that is large enough to be judged. Anchor-free: at
    strides of 8, 16 and 32 pixels each place gives a box, five points and a confidence.
    """

    _STRIDES = (8, 16, 32)
    _PARTS = ("cls", "obj", "bbox", "kps")
    _OVERLAP = 0.3

    def __init__(
        self, path: Path | None = None, longest: int = 320, min_score: float = 0.7
    ) -> None:
        heads = {f"head_{s}": [f"{part}_{s}" for part in self._PARTS] for s in self._STRIDES}
        self._network = _network(weights.read(weights.YUNET, path), "detector", heads)
        self._outputs = list(heads)
        self._input = self._network.get_inputs()[0].name
        self._longest = longest
        self._min_score = min_score

    def detect(self, picture: Picture) -> list[Face]:
        height, width = picture.shape[:2]
        shrink = min(1.0, self._longest / max(height, width))
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if shrink < 1 else picture
        rows = self._rows(np.asarray(small, dtype=np.uint8))
        return _largest_first([_yunet_face(r, width / size[0], height / size[1]) for r in rows])

    def _rows(self, small: Picture) -> NDArray[np.float32]:
        """Faces (N, 15) float32 in pixels of ``small``: left, top, width, height, five points, confidence."""
        down, right = (-side % self._STRIDES[-1] for side in small.shape[:2])
        padded = cv2.copyMakeBorder(small, 0, down, 0, right, cv2.BORDER_CONSTANT)
        found = self._network.run(self._outputs, {self._input: cv2.dnn.blobFromImage(padded)})
        values = np.concatenate([head.reshape(head.shape[1], -1) for head in found], axis=1)
        rows = _yunet_rows(values, _anchors(padded.shape[:2], self._STRIDES), self._min_score)
        boxes = rows[:, :4].astype(np.int32).tolist()
        kept = cv2.dnn.NMSBoxes(boxes, rows[:, 14].tolist(), self._min_score, self._OVERLAP)
        return rows[np.asarray(kept, dtype=np.intp).ravel()]


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
    """SFace (Zhong et al., 2021): 112 px alignment by five landmarks, 128-d unit embedding."""

    def __init__(self, path: Path | None = None) -> None:
        self._weights: bytes | None = weights.read(weights.SFACE, path)
        self._lock = threading.Lock()
        self._network: ort.InferenceSession | None = None

    def embed(self, picture: Picture, face: Face) -> Embedding:
        """Embed one face of a BGR uint8 (H, W, 3) picture. Raises NoLandmarksError without landmarks."""
        if face.landmarks is None:
            raise NoLandmarksError("The face has no landmarks; use the yunet detector.")
        return self.embed_aligned(aligned(picture, face.landmarks))

    def embed_aligned(self, aligned: Picture) -> Embedding:
        """Embed an already aligned BGR uint8 (112, 112, 3) face."""
        network = self._loaded()
        rgb = cv2.dnn.blobFromImage(aligned, swapRB=True)
        vector = network.run(None, {network.get_inputs()[0].name: rgb})[0].reshape(-1)
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)

    def _loaded(self) -> ort.InferenceSession:
        """Loaded at first use: a sign-in that fails liveness never needs it."""
        with self._lock:
            if self._network is None:
                self._network = _network(self._weights or b"", "embedder")
                self._weights = None
            return self._network


_SIDE = 112
_ALIGNED = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    np.float64,
)  # fmt: skip


def aligned(picture: Picture, landmarks: Landmarks) -> Picture:
    """The face turned, scaled and shifted until its landmarks lie where SFace wants them: (112, 112, 3) uint8 BGR.

    The similarity with the least squared error (Umeyama, 1991).
    """
    points = landmarks.astype(np.float64)
    middle, wanted = points.mean(axis=0), _ALIGNED.mean(axis=0)
    away, target = points - middle, _ALIGNED - wanted
    left, stretch, right = np.linalg.svd(target.T @ away / len(points))
    sign = np.array([1.0, np.sign(np.linalg.det(left) * np.linalg.det(right))])
    turn = (stretch * sign).sum() / away.var(axis=0).sum() * (left * sign) @ right
    matrix = np.column_stack([turn, wanted - turn @ middle])
    return np.asarray(cv2.warpAffine(picture, matrix, (_SIDE, _SIDE)), dtype=np.uint8)


def similarity(one: Embedding, other: Embedding) -> float:
    """Cosine similarity of two unit embeddings, -1–1."""
    return float(np.dot(one, other))


def _network(
    model: bytes, what: str, heads: Mapping[str, Sequence[str]] | None = None
) -> ort.InferenceSession:
    """heads: joins those outputs, in a network that may take pictures of any size. Raises WeightsError."""
    try:
        if heads is None:
            return graphs.open_session(graphs.rewritten(model))
        free = graphs.rewritten(model, free_size=True)
        return graphs.open_session(graphs.with_joined_heads(free, heads))
    except graphs.GraphError as error:
        raise weights.WeightsError(f"The {what} cannot be used: {error}") from error


@lru_cache(maxsize=16)
def _anchors(size: tuple[int, int], strides: tuple[int, ...]) -> NDArray[np.float32]:
    """Column, row and stride of every place of a picture (height, width), stride after stride: (3, N)."""
    grids = []
    for stride in strides:
        rows, columns = np.indices((size[0] // stride, size[1] // stride), dtype=np.float32)
        grids.append([columns.ravel(), rows.ravel(), np.full(rows.size, stride, np.float32)])
    return np.concatenate(grids, axis=1)


def _yunet_rows(
    values: NDArray[np.float32], anchors: NDArray[np.float32], least: float
) -> NDArray[np.float32]:
    """The faces among all places, (N, 15) in pixels. values: (16, places), class, object, box and points in strides."""
    kept = np.flatnonzero(values[:2].min(axis=0) >= _least_logit(least))
    likely = _sigmoid(values[:2, kept])
    scores = np.sqrt(likely[0] * likely[1])
    kept, scores = kept[scores >= least], scores[scores >= least]
    found, (columns, rows, strides) = values[2:, kept].T, anchors[:, kept]
    places, stride = np.stack([columns, rows], axis=1), strides[:, None]
    sides = np.exp(found[:, 2:4]) * stride
    corners = (places + found[:, :2]) * stride - sides / 2
    marks = (found[:, 4:] + np.tile(places, 5)) * stride
    return np.hstack([corners, sides, marks, scores[:, None]])


def _least_logit(least: float) -> float:
    """No place with a smaller logit, of class or of object, reaches a geometric mean of ``least``; a little less for rounding."""
    share = min(max(least**2, 1e-9), 1 - 1e-9)
    return math.log(share / (1 - share)) - 1e-3


def _sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    # The bound keeps exp finite; what lies below it is 0 to seven digits.
    return np.asarray(1 / (1 + np.exp(-np.maximum(values, -30))), dtype=np.float32)


def _yunet_face(row: NDArray[np.float32], fx: float, fy: float) -> Face:
    points = row[4:14].reshape(5, 2) * np.array([fx, fy], np.float32)
    box = Box(float(row[0]) * fx, float(row[1]) * fy, float(row[2]) * fx, float(row[3]) * fy)
    return Face(box, float(row[14]), np.asarray(points, dtype=np.float32))


def _ssd_face(row: NDArray[Any], width: int, height: int) -> Face:
    left, top, right, bottom = (float(v) for v in row[3:7] * (width, height, width, height))
    return Face(Box(left, top, right - left + 1, bottom - top + 1), float(row[2]))


def _largest_first(faces: list[Face]) -> list[Face]:
    return sorted(faces, key=lambda face: face.box.w * face.box.h, reverse=True)
