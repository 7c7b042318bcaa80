"""Face anti-spoofing: an ONNX Runtime session over a bundle. Patches in, probability of a live face out."""

from collections.abc import Callable

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from liveness.engine import graphs
from liveness.engine.bundle import Bundle, BundleError, Scoring
from liveness.engine.crops import CropSpec, Patches, tensor

Logits = NDArray[np.float32]
Network = Callable[[NDArray[np.float32]], Logits]


class LivenessModel:
    """One loaded, proven bundle. Thread-safe: ONNX Runtime sessions may be run from several threads.

    threads: cores that one call may use. Raises BundleError when the graph does not fit its manifest or does not
    reproduce its golden vectors.
    """

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        self.bundle = bundle
        self._session = open_session(bundle.model, threads)
        self._input = self._session.get_inputs()[0].name
        self._check_shape()
        self._check_golden()

    def score(self, faces: Patches) -> NDArray[np.float32]:
        """Score patches (N, P, S, S, 3) uint8 BGR, as ``crops.patches`` gives them: p_live (N,) float32, 0–1."""
        logits = sided(self.logits, faces, self.bundle.crop, self.bundle.scoring)
        return softmax(logits)[:, self.bundle.live_index]

    def logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """One pass over input (N, 3·P, S, S) float32, as ``crops.tensor`` gives it: (N, classes) float32."""
        rows = [self._session.run(None, {self._input: row[None]})[0][0] for row in inputs]
        return np.asarray(rows, dtype=np.float32).reshape(len(rows), -1)

    def _check_shape(self) -> None:
        shape = tuple(self._session.get_inputs()[0].shape)
        expected = (1, *self.bundle.crop.input_shape)
        classes = self._session.get_outputs()[0].shape[-1]
        if shape != expected or classes != len(self.bundle.classes):
            raise BundleError(
                f"The network of {self.bundle.name} takes {shape} and gives {classes} classes; "
                f"its manifest says {expected} and {len(self.bundle.classes)}."
            )

    def _check_golden(self) -> None:
        golden, spec = self.bundle.golden, self.bundle.crop
        expected = (len(spec.scales), spec.size, spec.size, 3)
        if golden.patches.shape[1:] != expected or len(golden.p_live) != len(golden.patches):
            raise BundleError(f"The golden vectors of {self.bundle.name} do not fit its network.")
        if not len(golden.patches):
            raise BundleError(f"{self.bundle.name} has no golden vectors and proves nothing.")
        drift = float(np.abs(self.score(golden.patches) - golden.p_live).max())
        if not drift <= golden.tolerance:
            raise BundleError(
                f"{self.bundle.name} does not reproduce its golden vectors on this machine: "
                f"scores differ by {drift:.3f}, {golden.tolerance:.3f} is allowed."
            )


def sided(network: Network, faces: Patches, crop: CropSpec, scoring: Scoring) -> Logits:
    """Logits (N, classes) of patches (N, P, S, S, 3) from what gives those of an input (N, 3·P, S, S), as ``scoring`` says."""
    inputs = tensor(turned(faces) if scoring.turn else faces, crop)
    logits = network(inputs)
    if scoring.mirror:
        logits = np.float32(0.5) * (logits + network(np.ascontiguousarray(inputs[..., ::-1])))
    return logits


def turned(faces: Patches) -> Patches:
    """Patches (N, P, S, S, 3), mirrored where the right half of all patches together is the brighter, so that a face and
    its mirror image become the same picture."""
    made = np.array(faces, np.uint8)
    for face in made:
        if _brighter_right(face):
            face[:] = [cv2.flip(patch, 1) for patch in face]
    return made


def _brighter_right(face: Patches) -> bool:
    size = face.shape[-2]
    stacked = np.ascontiguousarray(face, np.uint8).reshape(-1, size, 3)
    left, right = stacked[:, : size // 2], stacked[:, -(size // 2) :]
    return sum(cv2.sumElems(right)) > sum(cv2.sumElems(left))


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax over the last axis, once and only here: networks export plain logits."""
    exp = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(exp / exp.sum(axis=-1, keepdims=True), dtype=np.float32)


def open_session(model: bytes, threads: int = 1) -> ort.InferenceSession:
    """As ``graphs.open_session``. Raises BundleError when the bytes are no usable network."""
    try:
        return graphs.open_session(model, threads)
    except graphs.GraphError as error:
        raise BundleError(str(error)) from error
