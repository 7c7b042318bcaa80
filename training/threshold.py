"""A threshold with a promise: split-conformal quantiles of scores on cameras that were not trained on.

Accept p_live ≥ t. With t the k-th smallest of n bona fide scores, k = ⌊(n + 1)·α⌋, a new bona fide score lies below t
with probability k/(n + 1) ≤ α or less, whatever the distribution (Vovk, Gammerman & Shafer 2005; Angelopoulos & Bates
2021, "A Gentle Introduction to Conformal Prediction"). What "new" may mean is the assumption, and there are three:

- FRAMES: the new frame is exchangeable with the calibration frames, cameras in the same proportions.
- CAMERAS: it comes from one of the calibration cameras, each equally likely, and is exchangeable with its frames. A
  weighted quantile over a mixture, as in Lu et al. 2023, "Federated Conformal Predictors".
- NEW_CAMERA: it comes from a new camera that is exchangeable with the calibration cameras. Hierarchical conformal
  prediction, Lee, Barber & Willett 2023, "Distribution-free inference with hierarchical data". This is the promise a
  portal needs, and its price is cameras: ⌈1/α⌉ − 1 of them.

Each promise is marginal: it holds on average over calibration sets. None holds for a camera or an attack unlike all
those that were calibrated on. Frames that follow each other in a video are not exchangeable; thin them out first.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from liveness.engine import metrics
from liveness.engine.session import log_odds

Scores = NDArray[np.float64]
Groups = Mapping[str, ArrayLike]
"""p_live scores (n,) in 0–1 of each camera, by its name."""

OFFSET_LIMIT = 2.0
_ROUNDING = 1e-9


class ThresholdError(ValueError):
    """The scores cannot carry the promise that was asked for; the message says how many would."""


class Guarantee(StrEnum):
    """What a new presentation is taken to be exchangeable with."""

    FRAMES = "frames"
    CAMERAS = "cameras"
    NEW_CAMERA = "new_camera"


@dataclass(frozen=True)
class Calibration:
    """A threshold and what it promises.

    value: p_live ≥ value is live. band: a bona fide score lies below ``band[0]`` with probability ``bpcer`` at most,
    and an attack reaches ``band[1]`` with probability ``apcer`` at most; what lies between may be left undecided.
    confidence: probability, over calibration sets, that BPCER at this very value is at most ``bpcer`` (Vovk 2012,
    "Conditional validity of inductive conformal predictors"); None where only the average is known.
    """

    value: float
    band: tuple[float, float]
    guarantee: Guarantee
    bpcer: float
    apcer: float
    confidence: float | None
    bona_fide: int
    attacks: int
    cameras: tuple[str, ...]

    @property
    def target(self) -> str:
        """The promise in words, for the manifest."""
        whom = {
            Guarantee.FRAMES: "a frame like the calibration frames",
            Guarantee.CAMERAS: "a frame of a calibration camera, each equally likely",
            Guarantee.NEW_CAMERA: "a frame of a new camera like the calibration cameras",
        }[self.guarantee]
        return f"BPCER ≤ {self.bpcer:.3g} for {whom} (split conformal)"

    def as_dict(self) -> dict[str, Any]:
        """The manifest's ``threshold`` object."""
        return {
            "value": self.value,
            "band": list(self.band),
            "target": self.target,
            "guarantee": str(self.guarantee),
            "bpcer": self.bpcer,
            "apcer": self.apcer,
            "confidence": None if self.confidence is None else round(self.confidence, 4),
            "bona_fide": self.bona_fide,
            "attacks": self.attacks,
            "cameras": list(self.cameras),
        }


def calibrate(
    bona_fide: Groups,
    attacks: Groups,
    bpcer: float = 0.05,
    apcer: float = 0.05,
    guarantee: Guarantee = Guarantee.FRAMES,
) -> Calibration:
    """The threshold for a stated BPCER, and the band in which neither error is promised to stay small.

    Raises ThresholdError when there are too few frames or cameras for ``bpcer`` or ``apcer``.
    """
    value = for_bpcer(bona_fide, bpcer, guarantee)
    against = for_apcer(attacks, apcer, guarantee)
    live = _pooled(bona_fide)
    marginal = guarantee is Guarantee.FRAMES
    return Calibration(
        value=value,
        band=(min(value, against), max(value, against)),
        guarantee=guarantee,
        bpcer=bpcer,
        apcer=apcer,
        confidence=confidence(len(live), bpcer) if marginal else None,
        bona_fide=len(live),
        attacks=len(_pooled(attacks)),
        cameras=tuple(sorted({*bona_fide, *attacks})),
    )


def for_bpcer(bona_fide: Groups, alpha: float, guarantee: Guarantee = Guarantee.FRAMES) -> float:
    """The highest t below 1 such that P(a new bona fide score < t) ≤ alpha is guaranteed. Raises ThresholdError."""
    scores, weights, missing = _weighted(bona_fide, alpha, guarantee)
    order = np.argsort(scores, kind="stable")
    ordered, below = scores[order], np.cumsum(weights[order]) - weights[order]
    first = np.searchsorted(
        ordered, ordered, "left"
    )  # equal scores are below nothing of each other
    allowed = missing + below[first] <= alpha + _ROUNDING
    return min(float(ordered[allowed].max()), math.nextafter(1.0, 0.0))


def for_apcer(attacks: Groups, alpha: float, guarantee: Guarantee = Guarantee.FRAMES) -> float:
    """The lowest t in 0–1 such that P(a new attack score ≥ t) ≤ alpha is guaranteed. Raises ThresholdError.

    As for bona fide from the other side; the score itself would be accepted, so t is the next number above it.
    """
    mirrored = {name: -np.asarray(scores, dtype=np.float64) for name, scores in attacks.items()}
    return float(np.nextafter(-for_bpcer(mirrored, alpha, guarantee), np.inf))


def confidence(n: int, alpha: float) -> float:
    """Probability that the true BPCER at the FRAMES threshold of n scores is at most alpha: P(Beta(k, n+1−k) ≤ alpha)."""
    k = math.floor((n + 1) * alpha + _ROUNDING)
    return 1 - metrics.binomial_cdf(k - 1, n, alpha)


def frames_needed(alpha: float) -> int:
    """Fewest scores (or cameras, for NEW_CAMERA) that can carry a promise of ``alpha``: ⌈1/α⌉ − 1."""
    if not 0 < alpha < 1:
        raise ThresholdError(f"The target rate must lie in (0, 1), got {alpha}.")
    return math.ceil(1 / alpha - _ROUNDING) - 1


def offset(
    bona_fide: ArrayLike, reference: ArrayLike, strength: float = 20.0, limit: float = OFFSET_LIMIT
) -> float:
    """Logits to add to every score of one camera so that its bona fide scores lie where the reference's do.

    The difference of the medians of the log-odds of ``reference`` (M,) and of the camera's ``bona_fide`` (n,),
    shrunk towards 0 by n/(n + strength) and kept within ±limit; 0.0 without scores. Its limits: it moves the
    camera's attacks just as far, so it lowers BPCER at the price of APCER unless both classes shifted together; it
    says nothing about frames that it was estimated from; and whoever chooses those frames chooses the threshold, so
    they must come from people whom an administrator vouches for, never from ordinary attempts.
    """
    own, others = log_odds(bona_fide), log_odds(reference)
    if not own.size or not others.size:
        return 0.0
    shift = float(np.median(others) - np.median(own)) * own.size / (own.size + strength)
    return min(max(shift, -limit), limit)


def shifted(scores: ArrayLike, logits: float) -> Scores:
    """p_live (N,) after adding ``logits`` to its log-odds, 0–1."""
    return np.asarray(1 / (1 + np.exp(-(log_odds(scores) + logits))))


def _weighted(groups: Groups, alpha: float, guarantee: Guarantee) -> tuple[Scores, Scores, float]:
    """All scores, each one's mass, and the mass that is kept for the presentation which is not there yet."""
    sizes = [np.size(scores) for scores in groups.values() if np.size(scores)]
    _check(sizes, alpha, guarantee)
    cameras, total = len(sizes), sum(sizes)
    if guarantee is Guarantee.FRAMES:
        masses, missing = [1 / (total + 1)] * cameras, 1 / (total + 1)
    elif guarantee is Guarantee.CAMERAS:
        masses = [1 / (cameras * (n + 1)) for n in sizes]
        missing = sum(masses)
    else:
        masses, missing = [1 / ((cameras + 1) * n) for n in sizes], 1 / (cameras + 1)
    return _pooled(groups), np.repeat(masses, sizes), missing


def _check(sizes: list[int], alpha: float, guarantee: Guarantee) -> None:
    needed = frames_needed(alpha)
    if guarantee is Guarantee.FRAMES and sum(sizes) < needed:
        raise ThresholdError(_too_few(alpha, f"{needed} frames", f"{sum(sizes)}"))
    if guarantee is Guarantee.NEW_CAMERA and len(sizes) < needed:
        raise ThresholdError(_too_few(alpha, f"{needed} cameras", f"{len(sizes)}"))
    kept = sum(1 / (n + 1) for n in sizes) / len(sizes) if sizes else 1.0
    if guarantee is Guarantee.CAMERAS and kept > alpha + _ROUNDING:
        there = ", ".join(map(str, sorted(sizes))) or "none"
        raise ThresholdError(_too_few(alpha, f"about {needed} frames of each camera", there))


def _too_few(alpha: float, needed: str, there: str) -> str:
    return f"A rate of {alpha:g} needs at least {needed}; there are {there}."


def _pooled(groups: Groups) -> Scores:
    parts = [np.asarray(scores, dtype=np.float64).reshape(-1) for scores in groups.values()]
    return np.concatenate(parts) if parts else np.empty(0)
