"""One path from a data set to a bundle: data → fit → export → evaluate through the serving engine → bundle.

This module pulls in torch: import it only where training really starts.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liveness.engine import bundle as bundles
from liveness.engine import metrics
from liveness.engine.bundle import Bundle, Golden
from liveness.engine.crops import CropSpec
from liveness.engine.faces import FaceDetector, YuNet
from liveness.engine.fas import LivenessModel
from liveness.engine.weights import WeightsError
from training.fas import data, export, loop, store
from training.fas.batches import Recipe
from training.fas.nets import NetSpec, parameters
from training.options import Options

FAILURES = (
    data.DataError,
    loop.CheckpointError,
    export.ParityError,
    bundles.BundleError,
    WeightsError,
)
"""What a run can fail with in words; anything else is a fault in the program."""

Scores = NDArray[np.float64]
_CALIBRATION_FACES = 256


@dataclass
class Pipeline:
    """One training run. ``out`` takes checkpoints, the box cache and, in ``bundle/``, the result."""

    manifest: Path
    out: Path
    options: Options = field(default_factory=Options)
    detector: FaceDetector = field(default_factory=YuNet)
    say: Callable[[str], None] = print

    def run(self, resume: bool = False) -> Bundle:
        """Train and write a bundle. Raises DataError, CheckpointError, ParityError or BundleError in words."""
        samples = data.read_manifest(self.manifest, self.options.limit)
        splits = data.split(samples, self.options.calibration_domains)
        train, calibration = self._load(splits.train), self._load(splits.calibration)
        best = self._fitter(train, calibration).run(resume, self.say)
        self.say("Exporting and quantising.")
        saved = loop.load_checkpoint(best, net_spec(self.options), self.options.crop)
        fp32 = export.to_onnx(export.load_network(saved))
        faces = _spread(train, self.options.crop, _CALIBRATION_FACES)
        int8 = export.quantise(fp32, faces, self.options.crop)
        golden = export.golden(int8, self.options.crop, self.options.seed)
        facts = self._facts(saved, splits, (train, calibration))
        return self._finish((fp32, int8), golden, facts, calibration, splits.dev)

    def _finish(
        self,
        models: tuple[bytes, bytes],
        golden: Golden,
        facts: dict[str, Any],
        calibration: store.Store,
        dev: Sequence[data.Sample],
    ) -> Bundle:
        """Find the threshold with the serving engine, then write the bundle again with the measured figures."""
        fp32, int8 = models
        folder = self.out / "bundle"
        draft = bundles.write(folder, int8, facts | {"threshold": _draft_threshold()}, golden)
        scores = score(draft, calibration)
        threshold = calibrated(calibration, scores)
        reference = export.p_live(fp32, _all_patches(calibration, draft.crop), draft.crop)
        value = float(threshold["value"])
        parity = export.parity(scores, reference.astype(np.float64), value).as_dict()
        parity["fp32_auc"] = _round(_auc(calibration, reference.astype(np.float64)))
        parity["int8_auc"] = _round(_auc(calibration, scores))
        held = self._load(dev)
        figures = {
            "calibration": figures_of(calibration, scores, value),
            "dev": figures_of(held, score(draft, held), value) if len(held) else None,
            "int8_against_fp32": parity,
        }
        result = facts | {"threshold": threshold, "figures": figures}
        return bundles.write(folder, int8, result, golden)

    def _load(self, samples: Sequence[data.Sample]) -> store.Store:
        cache = self.out / "boxes.json"
        loaded = store.load(self.manifest.parent, samples, self.detector, cache)
        self.say(f"{len(loaded)} frames read, {len(loaded.skipped)} skipped.")
        for path, reason in loaded.skipped.items():
            self.say(f"skipped {path}: {reason}")
        return loaded

    def _fitter(self, train: store.Store, calibration: store.Store) -> loop.Fitter:
        o = self.options
        return loop.Fitter(
            train, calibration, o.crop, net_spec(o), recipe(o), fit_options(o), self.out
        )

    def _facts(
        self, saved: dict[str, Any], splits: data.Splits, stores: tuple[store.Store, ...]
    ) -> dict[str, Any]:
        """What the manifest says about the network, its training and its data, apart from figures."""
        now = datetime.now(UTC)
        used = (*splits.train, *splits.calibration)
        return {
            "name": f"{self.options.arch}-{self.options.size}-{now:%Y%m%d}",
            "created": now.isoformat(timespec="seconds"),
            "classes": list(data.CLASSES),
            "preprocessing": bundles.preprocessing(self.options.crop),
            "network": {**saved["net"], "parameters": parameters(export.load_network(saved))},
            "training": {
                "options": self.options.as_dict(),
                "recipe": _plain(asdict(recipe(self.options))),
                "seconds": round(float(saved["elapsed"])),
                "epochs": int(saved["done"]),
                "steps": int(saved["steps"]),
            },
            "data": {
                "sha256": data.digest(used),
                "train": _counts(splits.train),
                "calibration": _counts(splits.calibration),
                "skipped": sum(len(loaded.skipped) for loaded in stores),
            },
        }


def net_spec(options: Options) -> NetSpec:
    return NetSpec(arch=options.arch, patches=len(options.scales), size=options.size)


def recipe(options: Options) -> Recipe:
    return Recipe(samples=options.samples_per_epoch, batch=options.batch)


def fit_options(options: Options) -> loop.FitOptions:
    return loop.FitOptions(
        epochs=options.epochs, minutes=options.minutes or None, seed=options.seed
    )


def score(bundle: Bundle, frames: store.Store) -> Scores:
    """p_live (N,) of stored frames through the serving engine."""
    model = LivenessModel(bundle)
    rows = [model.score(frames.patches(i, bundle.crop)[None])[0] for i in range(len(frames))]
    return np.asarray(rows, dtype=np.float64)


def calibrated(frames: store.Store, scores: Scores) -> dict[str, Any]:
    """The manifest's threshold: where APCER and BPCER meet on the whole frames of the calibration cameras.

    Raises DataError when one class has no whole frame.
    """
    value = metrics.eer(*data.balanced(frames.samples, scores))[1]
    whole = [sample for sample in frames.samples if sample.frame == "full"]
    cameras = ", ".join(sorted({sample.domain for sample in whole}))
    return {
        "value": float(np.clip(value, 1e-4, 1 - 1e-4)),
        "target": f"APCER = BPCER per frame on the calibration cameras ({cameras}), "
        "each weighing the same",
        "bona_fide": sum(sample.live for sample in whole),
        "attacks": sum(not sample.live for sample in whole),
    }


def figures_of(frames: store.Store, scores: Scores, threshold: float) -> dict[str, Any]:
    """Figures pooled over all frames of a store, and of each of its domains, at frame level."""
    domains = sorted({sample.domain for sample in frames.samples})
    each = {name: _figures(frames, scores, threshold, name) for name in domains}
    return {"pooled": _figures(frames, scores, threshold), "domains": each}


def _figures(
    frames: store.Store, scores: Scores, threshold: float, domain: str | None = None
) -> dict[str, Any]:
    bona_fide: list[float] = []
    species: dict[str, list[float]] = {}
    for sample, value in zip(frames.samples, scores, strict=True):
        if domain in (None, sample.domain):
            row = bona_fide if sample.live else species.setdefault(sample.species, [])
            row.append(float(value))
    return metrics.summary(bona_fide, species, threshold)


def _auc(frames: store.Store, scores: Scores) -> float:
    live = np.array([sample.live for sample in frames.samples])
    return metrics.auc(scores[live], scores[~live])


def _spread(frames: store.Store, crop: CropSpec, count: int) -> NDArray[np.uint8]:
    """Patches of at most ``count`` frames, evenly over the store and so over its cameras and classes."""
    chosen = np.unique(np.linspace(0, len(frames) - 1, count).round().astype(int))
    return np.stack([frames.patches(int(i), crop) for i in chosen])


def _all_patches(frames: store.Store, crop: CropSpec) -> NDArray[np.uint8]:
    return np.stack([frames.patches(i, crop) for i in range(len(frames))])


def _draft_threshold() -> dict[str, Any]:
    return {"value": 0.5, "target": "not calibrated yet", "bona_fide": 0, "attacks": 0}


def _counts(samples: Sequence[data.Sample]) -> dict[str, int]:
    live = sum(sample.live for sample in samples)
    domains = len({sample.domain for sample in samples})
    return {"bona_fide": live, "attacks": len(samples) - live, "domains": domains}


def _round(value: float) -> float:
    return round(value, 5)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Tuples become lists, as JSON has them."""
    result: dict[str, Any] = json.loads(json.dumps(values))
    return result
