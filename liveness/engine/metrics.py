"""ISO/IEC 30107-3 figures from scores. NumPy only. A score is p_live in 0–1; p_live ≥ threshold is accepted as live.

APCER: share of presentation attacks of one PAI species that are accepted. BPCER: share of bona fide presentations
that are refused. EER, AUC and ACER are common in papers but not part of the standard.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Proportion:
    """``errors`` of ``n`` trials with the exact 95 % interval of Clopper and Pearson (1934)."""

    errors: int
    n: int

    @property
    def rate(self) -> float:
        """Share of errors, 0–1; NaN without trials."""
        return self.errors / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        return clopper_pearson(self.errors, self.n)

    def as_dict(self) -> dict[str, Any]:
        """For a manifest: rate, interval, errors, n; rates rounded to five digits."""
        low, high = self.interval
        rate = None if not self.n else round(self.rate, 5)
        bounds = [round(low, 5), round(high, 5)]
        return {"rate": rate, "interval95": bounds, "errors": self.errors, "n": self.n}


def clopper_pearson(errors: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact two-sided interval of a proportion by bisection on the binomial tail; (0, 1) without trials.

    Raises ValueError unless 0 ≤ errors ≤ n.
    """
    if not 0 <= errors <= n:
        raise ValueError(f"{errors} errors of {n} trials is impossible.")
    tail = (1 - confidence) / 2
    low = 0.0 if errors == 0 else _bisect(lambda p: 1 - _binomial_cdf(errors - 1, n, p), tail)
    high = 1.0 if errors == n else _bisect(lambda p: 1 - _binomial_cdf(errors, n, p), 1 - tail)
    return low, high


def apcer(attacks: ArrayLike, threshold: float) -> Proportion:
    """Attack presentation classification error rate of the scores of one PAI species."""
    scores = _scores(attacks)
    return Proportion(int((scores >= threshold).sum()), len(scores))


def bpcer(bona_fide: ArrayLike, threshold: float) -> Proportion:
    """Bona fide presentation classification error rate."""
    scores = _scores(bona_fide)
    return Proportion(int((scores < threshold).sum()), len(scores))


def worst_apcer(species: Mapping[str, ArrayLike], threshold: float) -> tuple[str, Proportion]:
    """The headline of ISO/IEC 30107-3: the species with the highest APCER. Raises ValueError without species."""
    rates = {name: apcer(scores, threshold) for name, scores in species.items()}
    return max(rates.items(), key=lambda item: (item[1].rate, item[0]))


def auc(bona_fide: ArrayLike, attacks: ArrayLike) -> float:
    """Probability that a bona fide frame scores above an attack, ties count half (Mann–Whitney U); NaN if one is empty."""
    live, spoof = _scores(bona_fide), _scores(attacks)
    if not len(live) or not len(spoof):
        return math.nan
    ordered = np.sort(spoof)
    below = np.searchsorted(ordered, live, "left")
    below_or_equal = np.searchsorted(ordered, live, "right")
    return float((below + below_or_equal).mean() / 2 / len(spoof))


def eer(bona_fide: ArrayLike, attacks: ArrayLike) -> tuple[float, float]:
    """Equal error rate and its threshold: where APCER and BPCER are nearest; the rate is their mean there.

    Raises ValueError when a class is empty.
    """
    live, spoof = _both(bona_fide, attacks)
    thresholds = candidate_thresholds(live, spoof)
    refused = np.searchsorted(np.sort(live), thresholds, "left") / len(live)
    accepted = 1 - np.searchsorted(np.sort(spoof), thresholds, "left") / len(spoof)
    best = int(np.argmin(np.abs(refused - accepted)))
    return float((refused[best] + accepted[best]) / 2), float(thresholds[best])


def bpcer_at_apcer(
    bona_fide: ArrayLike, attacks: ArrayLike, limit: float
) -> tuple[Proportion, float]:
    """BPCER at the lowest threshold whose APCER is at most ``limit``, and that threshold.

    Raises ValueError when a class is empty.
    """
    live, spoof = _both(bona_fide, attacks)
    thresholds = candidate_thresholds(live, spoof)
    accepted = 1 - np.searchsorted(np.sort(spoof), thresholds, "left") / len(spoof)
    threshold = float(thresholds[np.argmax(accepted <= limit + 1e-12)])
    return bpcer(live, threshold), threshold


def summary(
    bona_fide: ArrayLike, species: Mapping[str, ArrayLike], threshold: float
) -> dict[str, Any]:
    """Every figure of one set as plain numbers; figures that need both classes are None where one is empty."""
    live = _scores(bona_fide)
    attacks = np.concatenate([_scores(scores) for scores in species.values()] or [np.empty(0)])
    figures: dict[str, Any] = {
        "bona_fide": len(live),
        "attacks": len(attacks),
        "bpcer": bpcer(live, threshold).as_dict(),
        "apcer": {name: apcer(scores, threshold).as_dict() for name, scores in species.items()},
    }
    if len(live) and len(attacks):
        at_one, _ = bpcer_at_apcer(live, attacks, 0.01)
        figures["auc"] = round(auc(live, attacks), 5)
        figures["eer"] = round(eer(live, attacks)[0], 5)
        figures["bpcer_at_apcer_1"] = at_one.as_dict()
    return figures


def candidate_thresholds(live: Scores, spoof: Scores) -> Scores:
    """Every threshold that can change a decision, ascending, and one above all scores."""
    values = np.unique(np.concatenate([live, spoof]))
    return np.append(values, np.nextafter(values[-1], np.inf))


def _scores(values: ArrayLike) -> Scores:
    return np.asarray(values, dtype=np.float64).reshape(-1)


def _both(bona_fide: ArrayLike, attacks: ArrayLike) -> tuple[Scores, Scores]:
    live, spoof = _scores(bona_fide), _scores(attacks)
    if not len(live) or not len(spoof):
        raise ValueError("This figure needs bona fide scores and attack scores.")
    return live, spoof


def _binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X ≤ k) for X ~ Binomial(n, p), summed in log space so that large n do not overflow."""
    if p <= 0.0 or p >= 1.0:
        return 1.0 if p <= 0.0 or k >= n else 0.0
    i = np.arange(k + 1)
    choose = math.lgamma(n + 1) - _lgamma(i + 1) - _lgamma(n - i + 1)
    terms = choose + i * math.log(p) + (n - i) * math.log1p(-p)
    return min(1.0, float(np.exp(terms).sum()))


def _lgamma(values: NDArray[np.int64]) -> Scores:
    return np.array([math.lgamma(value) for value in values])


def _bisect(rising: Any, target: float) -> float:
    """The p in (0, 1) at which a rising function reaches ``target``."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < target else (low, middle)
    return (low + high) / 2
