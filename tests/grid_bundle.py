"""A bundle whose every weight is written by hand: it calls a face a screen when a fine vertical grid lies over it.

It lets the flow be tested by real computation that gives the same answer on every machine, whatever the
trained network thinks of clips that are made from still pictures. It detects nothing else.
"""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from liveness.engine import bundle
from liveness.engine.bundle import Golden
from liveness.engine.crops import CropSpec, Patches
from liveness.engine.fas import LivenessModel

SPEC = CropSpec(scales=(1.5,), size=256)
_PERIOD = 4.0
_LIMIT = 0.012
_STEEPNESS = 600.0


def make_grid_bundle(folder: Path, limit: float = _LIMIT) -> Path:
    """Write the bundle into ``folder`` and return it. The golden vectors are a flat and a striped patch.

    limit: strength of the grid from which a face is a screen; at 1.0 nothing is.
    """
    patches = _golden_patches()
    golden = Golden(patches, np.array([1.0, limit >= 1.0], np.float32), tolerance=0.05)
    manifest = {
        "name": "grid-detector",
        "classes": ["live", "screen"],
        "preprocessing": bundle.preprocessing(SPEC),
        "threshold": {"value": 0.5, "target": "written by hand", "bona_fide": 0, "attacks": 0},
    }
    LivenessModel(bundle.write(folder, _model(limit), manifest, golden))
    return folder


def _golden_patches() -> Patches:
    flat = np.full((1, SPEC.size, SPEC.size, 3), 128, np.uint8)
    stripes = 128 + 30 * np.cos(2 * np.pi * np.arange(SPEC.size) / _PERIOD)
    striped = np.broadcast_to(stripes[None, None, :, None], flat.shape).astype(np.uint8)
    return np.stack([flat, striped])


def _filters() -> NDArray[np.float32]:
    """Two 3×9 filters in quadrature over the mean of the channels: (2, 3, 3, 9), float32."""
    x = np.arange(-4, 5)
    window = np.hanning(11)[1:-1]
    waves = np.stack([np.cos(2 * np.pi * x / _PERIOD), np.sin(2 * np.pi * x / _PERIOD)]) * window
    waves -= window * waves.sum(axis=1, keepdims=True) / window.sum()
    waves /= np.abs(waves).sum(axis=1, keepdims=True)
    return np.asarray(np.tile(waves[:, None, None, :], (1, 3, 3, 1)) / 9, dtype=np.float32)


def _model(limit: float) -> bytes:
    """Convolve, take the magnitude's mean, and let two logits cross where it reaches the limit."""
    weights = {
        "filters": _filters(),
        "slopes": np.array([[-_STEEPNESS, _STEEPNESS]], np.float32),
        "offsets": np.array([_STEEPNESS * limit, -_STEEPNESS * limit], np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["patches", "filters"], ["waves"]),
        helper.make_node("Abs", ["waves"], ["strength"]),
        helper.make_node("ReduceMean", ["strength"], ["energy"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["energy", "row"], ["column"]),
        helper.make_node("Gemm", ["column", "slopes", "offsets"], ["logits"]),
    ]
    shape = [1, *SPEC.input_shape]
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    constants.append(numpy_helper.from_array(np.array([1, 1], np.int64), "row"))
    graph = helper.make_graph(
        nodes,
        "grid-detector",
        [helper.make_tensor_value_info("patches", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 2])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
