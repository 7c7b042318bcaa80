"""A world in which the living are bright: frames that differ in brightness, and networks that look at nothing else."""

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from liveness.engine import bundle as bundles
from liveness.engine import frames
from liveness.engine.bundle import Bundle, Golden
from liveness.engine.crops import CropSpec

SPEC = CropSpec(scales=(1.5,), size=32, channels="BGR", mean=0.0, std=255.0)
BLIND: Any = SimpleNamespace(detect=lambda picture: [])
"""A detector that finds nothing: faces stand where their labels say."""

_SIDE = 64
_HEAD = ["path", "domain", "subject", "label", "species", "split", "x", "y", "w", "h"]


def make_bright_bundle(
    folder: Path,
    gain: float = 40.0,
    threshold: float = 0.5,
    calibrated_on: int = 100,
    name: str = "bright",
) -> Bundle:
    """p_live = sigmoid(gain · (brightness − 0.5)), brightness 0–1. A negative gain calls the living attacks."""
    grey = np.array([0.3, 0.7])
    patches = np.stack([np.full((1, 32, 32, 3), round(255 * g), np.uint8) for g in grey])
    exact = patches.mean(axis=(1, 2, 3, 4)) / 255
    golden = Golden(patches, (1 / (1 + np.exp(-gain * (exact - 0.5)))).astype(np.float32), 0.01)
    manifest = {
        "name": name,
        "classes": ["live", "screen"],
        "preprocessing": bundles.preprocessing(SPEC),
        "threshold": {
            "value": threshold,
            "target": "as the test says",
            "bona_fide": calibrated_on,
            "attacks": calibrated_on,
        },
    }
    return bundles.write(folder, _network(gain), manifest, golden)


def make_manifest(
    folder: Path,
    cameras: tuple[str, ...] = ("one", "two"),
    n: int = 60,
    seed: int = 0,
    lift: float = 0.0,
) -> Path:
    """n bona fide frames, n prints and n screens of each camera, a tenth of them on the wrong side of one half.

    lift: how much brighter these cameras are than others.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        _frame(folder, camera, species, number, rng, lift)
        for camera in cameras
        for species in ("", "print", "screen")
        for number in range(n)
    ]
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([_HEAD, *rows])
    return folder / "manifest.csv"


def _frame(
    folder: Path,
    camera: str,
    species: str,
    number: int,
    rng: np.random.Generator,
    lift: float,
) -> list[Any]:
    middle = 0.6 if not species else 0.4
    level = lift + (1 - middle if number % 10 == 0 else middle)
    grey = np.clip(255 * rng.normal(level, 0.02), 0, 255)
    path = f"{camera}-{species or 'live'}-{number}.jpg"
    (folder / path).write_bytes(frames.encode_jpeg(np.full((_SIDE, _SIDE, 3), grey, np.uint8)))
    split = "train" if number >= 40 else "dev"
    label = "spoof" if species else "live"
    return [path, camera, "", label, species, split, 8, 8, 48, 48]


def _network(gain: float) -> bytes:
    weights = np.tile(np.array([[gain, 0.0]], np.float32) / 3, (3, 1))
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["x"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Gemm", ["flat", "w", "b"], ["logits"]),
        ],
        "bright",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *SPEC.input_shape])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 2])],
        [
            numpy_helper.from_array(weights, "w"),
            numpy_helper.from_array(np.array([-gain / 2, 0.0], np.float32), "b"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())
