"""Equal error rates of a camera's frames, camera by camera, through the serving engine on the INT8 file."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liveness.engine import bundle as bundles
from liveness.engine import manifests, metrics
from liveness.engine.faces import YuNet
from training import evaluation

FALL, RISE = 0.5, 0.005
"""The camera's EER falls to at most this share of what it was; any other's rises by at most so much (0–1)."""


@dataclass(frozen=True)
class Camera:
    """EER (0–1) of one camera before and after, and its frames."""

    name: str
    before: float
    after: float
    bona_fide: int
    attacks: int

    @property
    def change(self) -> float:
        return self.after - self.before


def scores(bundle: Path, manifest: Path) -> dict[str, tuple[list[float], list[float]]]:
    """p_live of bona fide and of attack frames, by camera; every frame that has a face box counts."""
    rows = list(manifests.read(manifest))
    scored = evaluation.score_manifest(bundles.load(bundle), rows, YuNet(), gate=False)
    found: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for frame in scored:
        if frame.score is not None:
            found[frame.domain][0 if frame.live else 1].append(frame.score)
    return dict(found)


def compared(champion: Path, candidate: Path, manifest: Path) -> list[Camera]:
    """Both models on the same frames, camera by camera."""
    before, after = (scores(folder, manifest) for folder in (champion, candidate))
    return [
        Camera(name, _eer(*before[name]), _eer(*after[name]), *map(len, before[name]))
        for name in sorted(before)
    ]


def shortfalls(camera: Camera, others: list[Camera]) -> list[str]:
    """What was promised and not kept, in words; empty when all of it was."""
    found = []
    if camera.after > FALL * camera.before:
        found.append(f"{camera.name} falls from {camera.before:.1%} to {camera.after:.1%} only.")
    for other in others:
        if other.change > RISE:
            found.append(f"{other.name} rises from {other.before:.1%} to {other.after:.1%}.")
    return found


def as_rows(cameras: list[Camera]) -> list[Mapping[str, object]]:
    """Plain values for loop.json."""
    return [vars(camera) | {"change": camera.change} for camera in cameras]


def _eer(bona_fide: list[float], attacks: list[float]) -> float:
    return float(metrics.eer(np.asarray(bona_fide), np.asarray(attacks))[0])
