"""A network that takes brightness for life, pictures for it to judge, and scores of invented cameras. No torch."""

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from liveness.engine import bundle as bundles
from liveness.engine.bundle import Bundle, Golden
from liveness.engine.crops import Box, CropSpec
from liveness.engine.faces import Face
from liveness.engine.frames import Picture, encode_jpeg
from liveness.tests.bundles import CLASSES, manifest
from training.evaluation import ScoredFrame

BOX = Box(40, 30, 80, 80)
THRESHOLD = 0.5
LIVE, SPOOF, DARK = 190.0, 90.0, 25.0
"""Grey levels: accepted, refused, and too dark to be judged."""


class OneFace:
    """A detector that always finds the face where the labels have it."""

    def detect(self, picture: Picture) -> list[Face]:
        return [Face(BOX, 0.9)]


class NoFace:
    def detect(self, picture: Picture) -> list[Face]:
        return []


def brightness_bundle(folder: Path, threshold: float = THRESHOLD) -> Bundle:
    """A bundle whose p_live rises with the mean grey of the face: about 0.02 at 90, 0.97 at 190."""
    spec = CropSpec(scales=(1.0,), size=32)
    golden = Golden(
        np.zeros((1, 1, 32, 32, 3), np.uint8), np.array([_p_live(0.0)], np.float32), 0.01
    )
    return bundles.write(folder, _network(spec), manifest(spec, 0.5, threshold), golden)


def photo(level: float, seed: int = 0, width: int = 160) -> Picture:
    """(120, width, 3) uint8 BGR: noise around a grey level, sharp enough to be judged."""
    noise = np.random.default_rng(seed).normal(level, 12, (120, width, 3))
    return np.clip(noise, 0, 255).astype(np.uint8)


def data_set(folder: Path, levels: Sequence[tuple[str, str, float]], each: int = 6) -> Path:
    """JPEGs and their manifest: ``each`` frames of every (domain, species or "", grey level), in split dev."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for n, (domain, species, level) in enumerate(levels):
        for i in range(each):
            path = f"{domain}-{species or 'live'}-{n}-{i}.jpg"
            (folder / path).write_bytes(encode_jpeg(photo(level, 100 * n + i), 95))
            rows.append(row(path, domain, species))
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / "manifest.csv"


def row(path: str, domain: str, species: str = "") -> dict[str, str]:
    """A manifest row; an empty species is bona fide."""
    values = {"path": path, "domain": domain, "frame": "full", "subject": "", "species": species}
    values |= {"label": "spoof" if species else "live", "split": "dev"}
    return values | {"x": "40", "y": "30", "w": "80", "h": "80"}


def frames(
    domain: str, species: str, scores: Sequence[float | None], reason: str = "too_dark"
) -> list[ScoredFrame]:
    """Scored frames of one camera and class at THRESHOLD; None was not judged."""
    return [
        ScoredFrame(
            path=f"{domain}/{species or 'live'}-{n:04}.jpg",
            domain=domain,
            subject="",
            species=species,
            live=not species,
            score=score,
            reason=reason if score is None else "",
            threshold=THRESHOLD,
        )
        for n, score in enumerate(scores)
    ]


def cameras(count: int = 4, seed: int = 0, each: int = 60) -> Iterator[ScoredFrame]:
    """Scores of invented cameras, each a little harder than the one before; some frames are not judged."""
    rng = np.random.default_rng(seed)
    for n in range(count):
        for species, centre in (("", 2.0), ("print", -2.5), ("screen", -1.5)):
            odds = rng.normal(centre * (1 - 0.15 * n), 1.2, each)
            scores = [None if i % 20 == 19 else _sigmoid(z) for i, z in enumerate(odds)]
            yield from frames(f"cam{n}", species, scores)


def _sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def _p_live(mean: float) -> float:
    live = math.exp(20 * mean - 10)
    return live / (live + len(CLASSES) - 1)


def _network(spec: CropSpec) -> bytes:
    """ONNX: mean of the input (1, 3, S, S) → logits (1, 3); the first, live, is 20 · mean − 10."""
    from onnx import TensorProto, helper, numpy_helper

    weights = np.zeros((3, len(CLASSES)), np.float32)
    weights[:, 0] = 20 / 3
    bias = np.array([-10, *[0] * (len(CLASSES) - 1)], np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *spec.input_shape])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, len(CLASSES)])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()
