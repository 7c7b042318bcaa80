"""ISO/IEC 30107-3 figures from scores. NumPy only. A score is p_live in 0–1; p_live ≥ threshold is accepted as live.

APCER: share of presentation attacks of one PAI species that are accepted. BPCER: share of bona fide presentations
that are refused. APNRR and BPNRR: share of presentations that got no decision. EER, AUC and ACER are common in
papers but not part of the standard. FPR is APCER over all species together; TPR is 1 − BPCER.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

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
    low = 0.0 if errors == 0 else _bisect(lambda p: 1 - binomial_cdf(errors - 1, n, p), tail)
    high = 1.0 if errors == n else _bisect(lambda p: 1 - binomial_cdf(errors, n, p), 1 - tail)
    return low, high


def trials_needed(rate: float, confidence: float = 0.95) -> int:
    """Fewest trials whose zero errors show, one-sided, that an error rate is at most ``rate`` (0–1, exclusive).

    The smallest n with (1 − rate)ⁿ ≤ 1 − confidence; about 3/rate, the "rule of 3" of ISO/IEC 19795-1.
    """
    if not 0 < rate < 1:
        raise ValueError(f"The rate must lie in (0, 1), got {rate}.")
    return math.ceil(math.log(1 - confidence) / math.log1p(-rate))


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


class Rates(NamedTuple):
    """Errors at every threshold that can change a decision, ascending: three float64 arrays of one length."""

    thresholds: Scores
    apcer: Scores
    bpcer: Scores


def rates(bona_fide: ArrayLike, attacks: ArrayLike) -> Rates:
    """APCER over all attacks and BPCER at every threshold. Raises ValueError when a class is empty."""
    live, spoof = _both(bona_fide, attacks)
    thresholds = candidate_thresholds(live, spoof)
    refused = np.searchsorted(np.sort(live), thresholds, "left") / len(live)
    accepted = 1 - np.searchsorted(np.sort(spoof), thresholds, "left") / len(spoof)
    return Rates(thresholds, accepted, refused)


def eer(bona_fide: ArrayLike, attacks: ArrayLike) -> tuple[float, float]:
    """Equal error rate and its threshold: where APCER and BPCER are nearest; the rate is their mean there.

    Raises ValueError when a class is empty.
    """
    found = rates(bona_fide, attacks)
    best = int(np.argmin(np.abs(found.bpcer - found.apcer)))
    return float((found.bpcer[best] + found.apcer[best]) / 2), float(found.thresholds[best])


def eer_interval(rate: float, bona_fide: int, attacks: int) -> tuple[float, float]:
    """A conservative 95 % interval of an equal error rate: that of a proportion of the smaller class.

    An EER is a weighted mean of APCER and BPCER, so its variance is at most that of the class with fewer trials.
    Frames of one camera resemble each other, which this cannot know.
    """
    n = min(bona_fide, attacks)
    errors = round(rate * n, 6)
    return clopper_pearson(math.floor(errors), n)[0], clopper_pearson(math.ceil(errors), n)[1]


def bpcer_at_apcer(
    bona_fide: ArrayLike, attacks: ArrayLike, limit: float
) -> tuple[Proportion, float]:
    """BPCER at the lowest threshold whose APCER is at most ``limit``, and that threshold.

    Raises ValueError when a class is empty.
    """
    found = rates(bona_fide, attacks)
    threshold = float(found.thresholds[np.argmax(found.apcer <= limit + 1e-12)])
    return bpcer(bona_fide, threshold), threshold


def tpr_at_fpr(bona_fide: ArrayLike, attacks: ArrayLike, limit: float) -> Proportion | None:
    """Share of bona fide accepted where at most ``limit`` of the attacks pass.

    None when the attacks are fewer than ``trials_needed(limit)``: then even zero errors would not show the limit.
    Raises ValueError when a class is empty.
    """
    if len(_scores(attacks)) < trials_needed(limit):
        return None
    refused, _ = bpcer_at_apcer(bona_fide, attacks, limit)
    return Proportion(refused.n - refused.errors, refused.n)


def acer(worst: Proportion, refused: Proportion) -> float:
    """(APCER of the worst species + BPCER) / 2. Not normative: ISO/IEC 30107-3 leaves it out on purpose."""
    return (worst.rate + refused.rate) / 2


def bootstrap_mean(
    values: ArrayLike, resamples: int = 5000, seed: int = 0, confidence: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of the mean of values (N,), each one a unit that is drawn anew, such as a camera.

    Efron (1979). (NaN, NaN) without values; a single one gives an interval of no width, which means nothing.
    """
    units = _scores(values)
    if not len(units):
        return math.nan, math.nan
    draws = np.random.default_rng(seed).integers(0, len(units), (resamples, len(units)))
    tail = (1 - confidence) / 2
    low, high = np.quantile(units[draws].mean(axis=1), [tail, 1 - tail])
    return float(low), float(high)


class Bin(NamedTuple):
    """Scores between ``low`` and ``high``: their mean, and how many of the n were bona fide."""

    low: float
    high: float
    mean: float
    bona_fide: Proportion


def reliability(bona_fide: ArrayLike, attacks: ArrayLike, bins: int = 10) -> list[Bin]:
    """Bins of equal width over 0–1 that hold a score: is p_live the share that is really live? Ascending.

    The answer holds for this mixture of bona fide and attacks.
    """
    live, spoof = _scores(bona_fide), _scores(attacks)
    scores = np.concatenate([live, spoof])
    truth = np.arange(len(scores)) < len(live)
    places = np.clip((scores * bins).astype(int), 0, bins - 1)
    found = []
    for place in np.unique(places):
        inside = places == place
        share = Proportion(int(truth[inside].sum()), int(inside.sum()))
        low, high = float(place / bins), float((place + 1) / bins)
        found.append(Bin(low, high, float(scores[inside].mean()), share))
    return found


def calibration_error(bins: list[Bin]) -> float:
    """Expected calibration error (Guo et al., 2017): mean distance of score and truth, weighted by bin size."""
    total = sum(item.bona_fide.n for item in bins)
    gaps = [item.bona_fide.n * abs(item.mean - item.bona_fide.rate) for item in bins]
    return sum(gaps) / total if total else math.nan


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


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X ≤ k) for X ~ Binomial(n, p), summed in log space so that large n do not overflow."""
    if k < 0 or k >= n or p <= 0.0 or p >= 1.0:
        return 1.0 if k >= n or (p <= 0.0 and k >= 0) else 0.0
    logs = _log_factorials(n)
    i = np.arange(k + 1)
    terms = logs[n] - logs[i] - logs[n - i] + i * math.log(p) + (n - i) * math.log1p(-p)
    return min(1.0, float(np.exp(terms).sum()))


@lru_cache(maxsize=64)
def _log_factorials(n: int) -> Scores:
    """log 0!, log 1!, …, log n!: (n + 1,)."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])


def _bisect(rising: Callable[[float], float], target: float) -> float:
    """The p in (0, 1) at which a rising function reaches ``target``."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < target else (low, middle)
    return (low + high) / 2
