"""Bundles and predecessors side by side: the same faces, the same boxes, one process, one thread, turn by turn.

This module pulls in torch: import it only where a comparison really starts.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from liveness.engine import bundle as bundles
from liveness.engine import crops, metrics
from liveness.engine.bundle import BundleError
from liveness.engine.crops import Box, CropError, Patches
from liveness.engine.faces import FaceDetector
from liveness.engine.fas import LivenessModel
from liveness.engine.frames import Picture
from liveness.engine.weights import WeightsError
from training.fas import flops, store
from training.fas.data import DataError, Sample
from training.fas.flops import Cost
from training.fas.nets import NetSpec
from training.fas.tables import TABLES
from training.predecessors import Scorer

FAILURES = (DataError, BundleError, WeightsError, CropError)
"""What a comparison can fail with in words; anything else is a fault in the program."""

LIMITS = (0.01, 0.001)
"""FPRs at which the TPR is read: the APCER over all attacks that is allowed."""

_SAY_EVERY = 50
Say = Callable[[str], None]


class BundleScorer:
    """A bundle's INT8 network through the serving engine. Raises BundleError."""

    def __init__(self, folder: Path) -> None:
        bundle = bundles.load(folder)
        self._model = LivenessModel(bundle)
        self._crop = bundle.crop
        self.name, self.size = bundle.name, len(bundle.model)
        self.threshold = bundle.threshold.value
        self.cost = cost_of(bundle.manifest.get("network"))

    def cut(self, picture: Picture, box: Box) -> Patches:
        return crops.patches(picture, box, self._crop)

    def judge(self, patches: Patches) -> float:
        return float(self._model.score(patches[None])[0])


@dataclass
class Entry:
    """What one scorer gave for the frames so far: p_live, and seconds for the crop and for the network."""

    scorer: Scorer
    scores: list[float] = field(default_factory=list)
    cutting: list[float] = field(default_factory=list)
    judging: list[float] = field(default_factory=list)

    def take(self, picture: Picture, box: Box) -> None:
        """Score one face and keep the time of both steps."""
        began = time.perf_counter()
        patches = self.scorer.cut(picture, box)
        cut = time.perf_counter()
        score = self.scorer.judge(patches)
        judged = time.perf_counter()
        self.scores.append(score)
        self.cutting.append(cut - began)
        self.judging.append(judged - cut)


@dataclass(frozen=True)
class Comparison:
    """Every scorer's figures on the same frames. ``rows``: plain values, one mapping a scorer."""

    bona_fide: int
    attacks: int
    domains: tuple[str, ...]
    skipped: int
    rows: tuple[Mapping[str, Any], ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "bona_fide": self.bona_fide,
            "attacks": self.attacks,
            "domains": list(self.domains),
            "skipped": self.skipped,
            "rows": [dict(row) for row in self.rows],
        }


def cost_of(network: Any) -> Cost | None:
    """Cost of a manifest's ``network`` entry; None where it has none. Raises BundleError for an unknown network."""
    if network is None:
        return None
    known = {item.name for item in fields(NetSpec)}
    try:
        spec = NetSpec(**{name: value for name, value in network.items() if name in known})
        return flops.of_spec(spec)
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BundleError(
            f"The manifest's network is unknown here: {error!r}. Known: {', '.join(TABLES)}."
        ) from error


def select(samples: Sequence[Sample], domains: Sequence[str], split: str | None) -> list[Sample]:
    """Rows of the named domains (all if none is named) and of the split, if one is.

    Raises DataError when a domain has no row, or a class is missing.
    """
    chosen = [row for row in samples if split in (None, row.split)]
    chosen = [row for row in chosen if not domains or row.domain in domains]
    missing = set(domains) - {row.domain for row in chosen}
    if missing:
        where = f" in split {split}" if split else ""
        raise DataError(f"There are no rows of {', '.join(sorted(missing))}{where}.")
    if {row.live for row in chosen} != {True, False}:
        raise DataError("A comparison needs bona fide frames and attacks.")
    return chosen


def run(
    scorers: Sequence[Scorer],
    manifest: Path,
    samples: Sequence[Sample],
    detector: FaceDetector,
    say: Say,
) -> Comparison:
    """Score every frame with every scorer in turn. Frames are read one by one, so any number fits into memory.

    Raises DataError when so many frames cannot be read that a class is missing.
    """
    flops.one_thread()
    entries = [Entry(scorer) for scorer in scorers]
    used: list[Sample] = []
    for sample, picture, box in _frames(manifest.parent, samples, detector, say):
        if not used:
            _warm_up(scorers, picture, box)
        used.append(sample)
        for turn in range(len(entries)):
            entries[(turn + len(used)) % len(entries)].take(picture, box)
    if {row.live for row in used} != {True, False}:
        raise DataError("No frame of one class could be read; the lines above say why.")
    return _comparison(entries, used, len(samples) - len(used))


def _frames(
    root: Path, samples: Iterable[Sample], detector: FaceDetector, say: Say
) -> Iterator[tuple[Sample, Picture, Box]]:
    rows = list(samples)
    for number, sample in enumerate(rows, 1):
        found = store.load(root, [sample], detector)
        for path, reason in found.skipped.items():
            say(f"skipped {path}: {reason}")
        yield from zip(found.samples, found.frames, found.boxes, strict=True)
        if number % _SAY_EVERY == 0 or number == len(rows):
            say(f"{number}/{len(rows)} frames")


def _warm_up(scorers: Iterable[Scorer], picture: Picture, box: Box) -> None:
    for scorer in scorers:
        scorer.judge(scorer.cut(picture, box))


def _comparison(entries: Sequence[Entry], samples: Sequence[Sample], skipped: int) -> Comparison:
    live = sum(sample.live for sample in samples)
    domains = tuple(sorted({sample.domain for sample in samples}))
    rows = tuple(_row(entry, samples) for entry in entries)
    return Comparison(live, len(samples) - live, domains, skipped, rows)


def _row(entry: Entry, samples: Sequence[Sample]) -> dict[str, Any]:
    scorer, scores = entry.scorer, np.array(entry.scores)
    truth = np.array([sample.live for sample in samples])
    bona_fide, attacks = scores[truth], scores[~truth]
    right = int(((scores >= scorer.threshold) == truth).sum())
    cut, judged = np.array(entry.cutting) * 1e3, np.array(entry.judging) * 1e3
    return {
        "model": scorer.name,
        "macs": scorer.cost.macs if scorer.cost else None,
        "parameters": scorer.cost.parameters if scorer.cost else None,
        "bytes": scorer.size,
        "threshold": scorer.threshold,
        "accuracy": metrics.Proportion(right, len(scores)).as_dict(),
        "auc": metrics.auc(bona_fide, attacks),
        "eer": metrics.eer(bona_fide, attacks)[0],
        "tpr_at_fpr": {str(limit): _tpr(bona_fide, attacks, limit) for limit in LIMITS},
        "eer_by_domain": _eer_by_domain(samples, entry.scores),
        "ms_network": float(np.median(judged)),
        "ms_face": float(np.median(cut + judged)),
    }


def _tpr(bona_fide: metrics.Scores, attacks: metrics.Scores, limit: float) -> dict[str, Any] | None:
    found = metrics.tpr_at_fpr(bona_fide, attacks, limit)
    return found.as_dict() if found else None


def _eer_by_domain(samples: Sequence[Sample], scores: Sequence[float]) -> dict[str, float | None]:
    """EER of each domain; None where it has one class alone."""
    parts: dict[str, dict[bool, list[float]]] = defaultdict(lambda: {True: [], False: []})
    for sample, score in zip(samples, scores, strict=True):
        parts[sample.domain][sample.live].append(score)
    return {
        domain: metrics.eer(found[True], found[False])[0] if all(found.values()) else None
        for domain, found in sorted(parts.items())
    }


def markdown(found: Comparison) -> str:
    """The comparison as Markdown: what was compared, the table of models, and the EER of each domain."""
    models = [
        "| model | M MACs | params | file | accuracy | AUC | EER | TPR @ FPR 1e-2 | TPR @ FPR 1e-3 "
        "| ms network | ms face |",
        "|---|" + "--:|" * 10,
        *(_model_line(row) for row in found.rows),
    ]
    cameras = [
        f"| EER | {' | '.join(found.domains)} |",
        "|---|" + "--:|" * len(found.domains),
        *(_domain_line(row) for row in found.rows),
    ]
    return "\n".join([_heading(found), "", *models, "", *cameras, ""])


def _heading(found: Comparison) -> str:
    return (
        f"{found.bona_fide} bona fide frames and {found.attacks} attacks of {len(found.domains)} "
        f"domain(s), {found.skipped} skipped; every model got the same face boxes.\n"
        "Accuracy: frames on the right side of the model's own threshold. FPR: share of all attacks "
        "that pass.\nms: medians on one thread, batch 1, models in turn; a face is its crop and the "
        "network. M MACs: multiplications with their additions, in millions; some papers' FLOPs are "
        "twice that."
    )


def _model_line(row: Mapping[str, Any]) -> str:
    cells = [
        row["model"],
        "–" if row["macs"] is None else f"{row['macs'] / 1e6:.1f}",
        "–" if row["parameters"] is None else f"{row['parameters'] / 1e6:.3f} M",
        f"{row['bytes'] / 1e3:.0f} kB",
        f"{row['accuracy']['rate']:.1%} at {row['threshold']:.3f}",
        f"{row['auc']:.4f}",
        f"{row['eer']:.1%}",
        *(_percent(tpr["rate"] if tpr else None) for tpr in row["tpr_at_fpr"].values()),
        f"{row['ms_network']:.2f}",
        f"{row['ms_face']:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def _percent(rate: float | None) -> str:
    return "not supported by n" if rate is None else f"{rate:.1%}"


def _domain_line(row: Mapping[str, Any]) -> str:
    each = row["eer_by_domain"].values()
    cells = ["–" if rate is None else f"{rate:.1%}" for rate in each]
    return f"| {row['model']} | {' | '.join(cells)} |"
