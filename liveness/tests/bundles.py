"""Tiny but valid bundles: a network that gives every face the same score."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from liveness.engine import bundle as bundles
from liveness.engine.bundle import Bundle, Golden
from liveness.engine.crops import CropSpec

CLASSES = ("live", "print", "screen")


def make_bundle(
    folder: Path,
    p_live: float = 0.99,
    scales: tuple[float, ...] = (1.5, 2.7),
    size: int = 32,
    threshold: float = 0.7,
    band: tuple[float, float] | None = None,
) -> Bundle:
    """Write and load a bundle whose network answers ``p_live`` (0–1, exclusive) to everything."""
    spec = CropSpec(scales=scales, size=size)
    patches = np.zeros((2, len(scales), size, size, 3), np.uint8)
    golden = Golden(patches, np.full(2, p_live, np.float32), tolerance=0.01)
    facts = manifest(spec, p_live, threshold)
    facts["threshold"] |= {"band": list(band)} if band else {}
    return bundles.write(folder, constant_network(spec, p_live), facts, golden)


def manifest(spec: CropSpec, p_live: float, threshold: float) -> dict[str, Any]:
    return {
        "name": f"constant-{p_live:g}",
        "classes": list(CLASSES),
        "preprocessing": bundles.preprocessing(spec),
        "threshold": {"value": threshold, "target": "none", "bona_fide": 0, "attacks": 0},
    }


def constant_network(spec: CropSpec, p_live: float) -> bytes:
    """An ONNX graph (1, 3·P, S, S) → logits (1, 3) that ignores its input: mean of it, times zero, plus a bias."""
    from onnx import TensorProto, helper, numpy_helper

    channels = spec.input_shape[0]
    rest = math.log((1 - p_live) / (len(CLASSES) - 1))
    bias = np.array([math.log(p_live), rest, rest], np.float32)
    weights = np.zeros((channels, len(CLASSES)), np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["x"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Gemm", ["flat", "w", "b"], ["logits"]),
        ],
        "constant",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *spec.input_shape])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, len(CLASSES)])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()
