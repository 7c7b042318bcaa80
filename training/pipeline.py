"""One path from a data set to a bundle: data → fit → export → evaluate through the serving engine → bundle.

This module pulls in torch: import it only where training really starts.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from liveness.engine import bundle as bundles
from liveness.engine import metrics
from liveness.engine.bundle import Bundle, Golden, Scoring
from liveness.engine.crops import CropSpec
from liveness.engine.faces import FaceDetector, YuNet
from liveness.engine.fas import LivenessModel, turned
from liveness.engine.weights import WeightsError
from training.building import blend, fit_options, fresh, net_spec, recipe
from training.calibration import calibrated, matched, promised, uncalibrated
from training.fas import (
    data,
    export,
    imagenet,
    loop,
    patch_store,
    readers,
    starts,
    store,
    throughput,
)
from training.fas.checkpoints import CheckpointError, load_for
from training.fas.interrupt import Interrupted
from training.fas.nets import parameters
from training.fas.progress import ProgressError
from training.fas.ranks import DeviceError, Ranks, joined
from training.fas.readers.base import DataSet
from training.fas.readers.patch_folders import PatchSample
from training.fas.source import Source
from training.fas.views import Views, ViewsError, ViewSource
from training.options import IMAGENET, START, Options

__all__ = ["FAILURES", "Interrupted", "Pipeline", "measured_throughput", "trained"]

FAILURES = (
    data.DataError,
    CheckpointError,
    loop.FitError,
    DeviceError,
    ProgressError,
    ViewsError,
    export.ParityError,
    bundles.BundleError,
    WeightsError,
)
"""What a run can fail with in words; anything else is a fault in the program."""

Scores = NDArray[np.float64]
_CALIBRATION_FACES = 256


class Fitted(NamedTuple):
    """The checkpoint of the best network, and the data that it was found with."""

    best: Path
    splits: data.Splits
    train: store.Faces
    calibration: store.Faces


@dataclass
class Pipeline:
    """One training run. ``manifest``: a manifest CSV or any data set that the readers know. ``out`` takes checkpoints, the box cache and, in ``bundle/``, the result.

    threshold: the manifest's ``threshold`` object, for whoever has found one elsewhere; otherwise it is found on the
    calibration cameras, and without any it is one half, marked as not calibrated.
    """

    manifest: Path
    out: Path
    options: Options = field(default_factory=Options)
    detector: FaceDetector = field(default_factory=YuNet)
    say: Callable[[str], None] = print
    threshold: Mapping[str, Any] | None = None
    ranks: Ranks = field(default_factory=Ranks)
    bar: bool = False

    def run(self, resume: bool = False) -> Bundle:
        """Train and write a bundle, and beside it the weights that a later run can go on from; rank 0's work.

        Raises one of FAILURES in words, or Interrupted.
        """
        fitted = self.fit(resume)
        starts.pack(fitted.best, self.out / START)
        self.say("Exporting and quantising.")
        saved = load_for(fitted.best, net_spec(self.options), self.options.crop)
        crop = self.options.served
        saved["net"]["size"] = crop.size
        net = export.load_network(saved)
        fp32 = export.to_onnx(net)
        faces = self._looked_at(_patches(_spread(fitted.train, _CALIBRATION_FACES), crop))
        int8 = export.quantise(export.to_onnx(export.rounded(net, faces, crop)), faces, crop)
        golden = export.golden(int8, crop, self.options.seed, scoring=self._scoring)
        return self._finish((fp32, int8), golden, self._facts(saved, fitted), fitted)

    def fit(self, resume: bool = False) -> Fitted:
        """Read the data and train; every rank takes part, and says nothing unless it is the first."""
        splits = self._splits()
        with self.ranks.turn():
            train = self._load(self._needed(splits.train))
            calibration = self._load(splits.calibration)
        start = self._start(splits)
        best = self._fitter(splits, train, calibration, start).run(resume, self.say)
        if start and self.options.keep and self.ranks.first:
            best = starts.tied(best, start, self.options.keep)
        return Fitted(best, splits, train, calibration)

    def _needed(self, rows: Sequence[data.Sample]) -> Sequence[data.Sample]:
        """Views are learnt from without their frames; a few of these still calibrate the integers."""
        if not self.options.views:
            return rows
        chosen = np.linspace(0, len(rows) - 1, _CALIBRATION_FACES).round().astype(int)
        return [rows[i] for i in np.unique(chosen)]

    def _source(
        self, splits: data.Splits, train: store.Faces, start: starts.Start | None
    ) -> Source:
        o = self.options
        if not o.views:
            return fresh(train, o, start)
        views = Views(Path(o.views))
        if views.crop != o.crop:
            raise ViewsError(f"{o.views} holds patches of {views.crop}, not of {o.crop}.")
        known = {sample.domain for sample in (*splits.calibration, *splits.dev)}
        return ViewSource(views, o.samples_per_epoch, blend(o), sorted(known))

    def _splits(self) -> data.Splits:
        samples = data.limited(self._data.samples, self.options.limit)
        if self.options.leave_out:
            held, calibration = self.options.leave_out, self.options.calibration_domains
            return next(splits for _, splits in data.folds(samples, (held,), calibration))
        if self.options.calibration_domains:
            return data.split(samples, self.options.calibration_domains)
        parts = {part: tuple(s for s in samples if s.split == part) for part in ("train", "dev")}
        data.check_disjoint(parts)
        if {sample.live for sample in parts["train"]} != {True, False}:
            raise data.DataError("The train split needs bona fide frames and attacks.")
        return data.Splits(parts["train"], (), parts["dev"])

    def _finish(
        self, models: tuple[bytes, bytes], golden: Golden, facts: dict[str, Any], fitted: Fitted
    ) -> Bundle:
        """Find the threshold with the serving engine, then write the bundle again with the measured figures."""
        fp32, int8 = models
        folder, calibration = self.out / "bundle", fitted.calibration
        draft = bundles.write(folder, int8, facts | {"threshold": uncalibrated()}, golden)
        scores = score(draft, calibration)
        threshold = self._threshold(fitted, draft, scores)
        value = float(threshold["value"])
        held = self._load(fitted.splits.dev)
        judged = calibration if len(calibration) else _spread(fitted.train, _CALIBRATION_FACES)
        figures = {
            "calibration": _figures_or_none(calibration, scores, value),
            "dev": _figures_or_none(held, score(draft, held), value),
            "int8_against_fp32": _parity(
                fp32, judged, score(draft, judged), draft.crop, draft.scoring, value
            ),
        }
        result = facts | {"threshold": threshold, "figures": figures}
        return bundles.write(folder, int8, result, golden)

    def _threshold(self, fitted: Fitted, draft: Bundle, scores: Scores) -> dict[str, Any]:
        o, calibration = self.options, fitted.calibration
        if self.threshold is not None:
            return dict(self.threshold)
        if o.calibration_scores:
            return promised(Path(o.calibration_scores), o.bpcer)
        if len(calibration):
            return calibrated(calibration, scores)
        if o.champion:
            champion, frames = bundles.load(Path(o.champion)), self._known(fitted)
            return matched(frames, score(draft, frames), champion, score(champion, frames))
        return uncalibrated()

    def _known(self, fitted: Fitted) -> store.Faces:
        """The frames of cameras that the weights it began with have learnt from, all frames where these are not enough.

        What the former model let in from a camera that it did not know is what the run is there to change.
        """
        start, train = self._start(fitted.splits), fitted.train
        known = start.domains if start else ()
        chosen = [n for n, sample in enumerate(train.samples) if sample.domain in known]
        whole = {train.samples[n].live for n in chosen if train.samples[n].frame == "full"}
        return train.chosen(chosen) if len(whole) == 2 else train

    @property
    def _scoring(self) -> Scoring:
        both = self.options.passes == 2
        return Scoring(mirror=both, turn=not both)

    def _looked_at(self, faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What the network will see of patches when it serves."""
        return turned(faces) if self._scoring.turn else faces

    @cached_property
    def _data(self) -> DataSet:
        return readers.read(self.manifest)

    def _load(self, samples: Sequence[data.Sample]) -> store.Faces:
        loaded = self._read(samples)
        self.say(f"{len(loaded)} frames read, {len(loaded.skipped)} skipped.")
        for path, reason in loaded.skipped.items():
            self.say(f"skipped {path}: {reason}")
        return loaded

    def _read(self, samples: Sequence[data.Sample]) -> store.Faces:
        cut = [sample for sample in samples if isinstance(sample, PatchSample)]
        if cut:
            return patch_store.load(self._data.root, cut, self.options.crop)
        return store.load(self._data.root, samples, self.detector, self.out / "boxes.json")

    def _fitter(
        self,
        splits: data.Splits,
        train: store.Faces,
        calibration: store.Faces,
        start: starts.Start | None,
    ) -> loop.Fitter:
        o = self.options
        bound = o.binding()
        bound["accumulate"] = o.accumulate * self.ranks.world
        bound["data"] = data.digest((*splits.train, *splits.calibration))
        source = self._source(splits, train, start)
        return loop.Fitter(
            source,
            calibration,
            o.crop,
            net_spec(o),
            fit_options(o),
            self.out,
            bound,
            self.ranks.device(o.device, o.devices),
            self.ranks,
            start,
            self._domains(source, splits),
            self.bar,
        )

    def _start(self, splits: data.Splits) -> starts.Start | None:
        """The weights to begin from, if any. Raises LeakError when they have seen a camera that is held out."""
        if not self.options.start:
            return None
        if self.options.start == IMAGENET:
            return imagenet.start(net_spec(self.options), self.options.crop)
        start = starts.read(Path(self.options.start), net_spec(self.options), self.options.crop)
        start.check_unseen({sample.domain for sample in (*splits.calibration, *splits.dev)})
        return start

    def _domains(self, source: Source, splits: data.Splits) -> tuple[str, ...]:
        if isinstance(source, ViewSource):
            return source.domains
        return tuple(sorted({sample.domain for sample in splits.train}))

    def _facts(self, saved: dict[str, Any], fitted: Fitted) -> dict[str, Any]:
        """What the manifest says about the network, its training and its data, apart from figures."""
        now = datetime.now(UTC)
        splits = fitted.splits
        used = (*splits.train, *splits.calibration)
        skipped = len(fitted.train.skipped) + len(fitted.calibration.skipped)
        return {
            "name": f"{self.options.arch}-{self.options.served.size}-{now:%Y%m%d-%H%M}",
            "created": now.isoformat(timespec="seconds"),
            "classes": list(data.CLASSES),
            "preprocessing": bundles.preprocessing(self.options.served),
            "scoring": asdict(self._scoring),
            "network": {**saved["net"], "parameters": parameters(export.load_network(saved))},
            "training": {
                "options": self.options.portable(),
                "recipe": _plain(asdict(recipe(self.options)) | asdict(blend(self.options))),
                "seconds": round(float(saved["elapsed"])),
                "epochs": int(saved["epoch"]),
                "steps": int(saved["steps"]),
                "processes": self.ranks.world,
            },
            "data": {
                "sha256": data.digest(used),
                "train": _counts(splits.train),
                "calibration": _counts(splits.calibration),
                "skipped": skipped,
            },
        }


def trained(
    manifest: Path,
    out: Path,
    options: Options,
    resume: bool,
    say: Callable[[str], None],
    bar: bool = False,
) -> str | None:
    """A whole run, alone or as one of the processes of ``torchrun``: the bundle's name, on rank 0 alone."""
    with joined(options.device) as ranks:
        heard = say if ranks.first else _silent
        run = Pipeline(manifest, out, options, say=heard, ranks=ranks, bar=bar)
        if ranks.first:
            return run.run(resume).name
        run.fit(resume)
        return None


def measured_throughput(options: Options) -> str:
    """Faces a second of our training step and of Silent-Face's, in words."""
    return str(throughput.measure(net_spec(options), options.batch))


def score(bundle: Bundle, frames: store.Faces) -> Scores:
    """p_live (N,) of stored frames through the serving engine."""
    model = LivenessModel(bundle)
    rows = [model.score(frames.patches(i, bundle.crop)[None])[0] for i in range(len(frames))]
    return np.asarray(rows, dtype=np.float64)


def figures_of(frames: store.Faces, scores: Scores, threshold: float) -> dict[str, Any]:
    """Figures pooled over all frames of a store, and of each of its domains, at frame level."""
    domains = sorted({sample.domain for sample in frames.samples})
    each = {name: _figures(frames, scores, threshold, name) for name in domains}
    return {"pooled": _figures(frames, scores, threshold), "domains": each}


def _figures(
    frames: store.Faces, scores: Scores, threshold: float, domain: str | None = None
) -> dict[str, Any]:
    bona_fide: list[float] = []
    species: dict[str, list[float]] = {}
    for sample, value in zip(frames.samples, scores, strict=True):
        if domain in (None, sample.domain):
            row = bona_fide if sample.live else species.setdefault(sample.species, [])
            row.append(float(value))
    return metrics.summary(bona_fide, species, threshold)


def _figures_or_none(
    frames: store.Faces, scores: Scores, threshold: float
) -> dict[str, Any] | None:
    return figures_of(frames, scores, threshold) if len(frames) else None


def _parity(
    fp32: bytes,
    frames: store.Faces,
    scores: Scores,
    crop: CropSpec,
    scoring: Scoring,
    threshold: float,
) -> dict[str, Any]:
    """The serving engine's INT8 scores beside those of the float graph."""
    patches = _patches(frames, crop)
    reference = export.p_live(fp32, patches, crop, scoring).astype(np.float64)
    found = export.parity(scores, reference, threshold).as_dict()
    return found | {"fp32_auc": _auc(frames, reference), "int8_auc": _auc(frames, scores)}


def _auc(frames: store.Faces, scores: Scores) -> float:
    live = np.array([sample.live for sample in frames.samples])
    return round(metrics.auc(scores[live], scores[~live]), 5)


def _spread(frames: store.Faces, count: int) -> store.Faces:
    """At most ``count`` frames, evenly over the store and so over its cameras and classes."""
    return frames.chosen(np.unique(np.linspace(0, len(frames) - 1, count).round().astype(int)))


def _patches(frames: store.Faces, crop: CropSpec) -> NDArray[np.uint8]:
    return np.stack([frames.patches(i, crop) for i in range(len(frames))])


def _counts(samples: Sequence[data.Sample]) -> dict[str, int]:
    live = sum(sample.live for sample in samples)
    domains = len({sample.domain for sample in samples})
    return {"bona_fide": live, "attacks": len(samples) - live, "domains": domains}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Tuples become lists, as JSON has them."""
    result: dict[str, Any] = json.loads(json.dumps(values))
    return result


def _silent(line: str) -> None:
    """What ranks other than the first say."""
