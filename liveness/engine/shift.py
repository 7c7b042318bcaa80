"""Has a distribution shifted? Population stability index, Kolmogorov–Smirnov, shares and rates. NumPy only.

Values that are missing (None) or not finite are left out; what is left may be empty, and the callers decide what is
too few. All tests take single attempts for independent draws. One person who tries again and again is not, so
p-values are somewhat too small on a site with few people; the sizes of the effects are not touched by that.
"""

import math
from collections.abc import Iterable, Mapping
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
Counts = NDArray[np.int64]

BINS = 10
_PER_BIN = 10
_DRAWS = 20_000


def finite(values: Iterable[float | None]) -> Values:
    """The numbers among them: float64 (N,), in their order."""
    found = np.array([math.nan if value is None else value for value in values], dtype=np.float64)
    return found[np.isfinite(found)]


def quantile_edges(reference: ArrayLike, bins: int = BINS) -> Values:
    """Inner edges of bins that hold equal shares of the reference: ascending, (E,), E + 1 bins; empty without values.

    A value on which several quantiles fall, such as the 0 of a share that is mostly 0, gets a bin of its own, so
    that a move away from it counts in either direction.
    """
    values = finite(np.asarray(reference, dtype=np.float64).reshape(-1))
    if not len(values):
        return np.empty(0)
    inner = np.quantile(values, np.arange(1, bins) / bins, method="inverted_cdf")
    edges, times = np.unique(inner, return_counts=True)
    return np.unique(np.concatenate([edges, np.nextafter(edges[times > 1], -np.inf)]))


def bins_for(reference: int, current: int) -> int:
    """How many quantile bins two samples of these sizes carry: ten values a bin in the smaller, two to ten bins."""
    return max(2, min(BINS, min(reference, current) // _PER_BIN))


def histogram(values: ArrayLike, edges: Values) -> Counts:
    """How many values lie in each bin, (E + 1,) int64; a value on an edge belongs to the bin below it."""
    found = finite(np.asarray(values, dtype=np.float64).reshape(-1))
    return np.bincount(np.searchsorted(edges, found, "left"), minlength=len(edges) + 1)


def psi(reference: Counts, current: Counts) -> float:
    """Population stability index of two histograms over the same bins (B,): 0 for the same shares; no upper bound.

    Σ (c − r) · ln(c / r) over the bins' shares r and c, the symmetric divergence of Jeffreys (1946) and Kullback and
    Leibler (1951); as PSI with the customary steps 0.1 and 0.25 in Siddiqi, Credit Risk Scorecards (2006). Half a
    count is added to every bin of both (Jeffreys' prior), so that an empty bin is a large difference, not infinite.
    Two samples of one distribution do not give 0 but on average about (B − 1)(1/n + 1/m): Yurdakul and Naranjo,
    Statistical properties of the population stability index (2020). ``psi_chance`` tells such noise from a shift.
    NaN when a histogram is empty.
    """
    return float(_psi(reference, np.asarray(current)[None])[0])


def psi_chance(reference: Counts, current: Counts, seed: int = 0) -> float:
    """Probability of a PSI at least this large if both histograms were drawn from one distribution, 0–1.

    A permutation test: the counts of both, put together, are dealt out again 20,000 times; the least answer is
    1 / 20,001. Seeded, so that the same data give the same answer. NaN when a histogram is empty.
    """
    reference, current = np.asarray(reference), np.asarray(current)
    if not reference.sum() or not current.sum():
        return math.nan
    together, used = reference + current, (reference + current) > 0
    deal = np.random.default_rng(seed).multivariate_hypergeometric
    dealt = np.zeros((_DRAWS, len(together)), np.int64)
    dealt[:, used] = deal(together[used], int(current.sum()), _DRAWS, method="marginals")
    at_least = _psi(together - dealt, dealt) >= psi(reference, current) - 1e-12
    return float((at_least.sum() + 1) / (_DRAWS + 1))


def total_variation(reference: Counts, current: Counts) -> float:
    """Share of the attempts that would have to change bins: half the sum of |c − r|, 0–1; NaN when one is empty."""
    if not np.sum(reference) or not np.sum(current):
        return math.nan
    return float(np.abs(_shares(reference) - _shares(current)).sum() / 2)


class KolmogorovSmirnov(NamedTuple):
    """distance: the largest vertical distance of two cumulative distributions, 0–1; p: its probability by chance."""

    distance: float
    p: float


def kolmogorov_smirnov(reference: ArrayLike, current: ArrayLike) -> KolmogorovSmirnov:
    """The two-sample test of Smirnov (1939) with its asymptotic p-value; NaN for both when a sample is empty.

    The effective size n·m / (n + m) enters with the correction of Stephens (1970), as in Press et al., Numerical
    Recipes, section 14.3, good from an effective size of four. Ties make p too large, never too small.
    """
    first = np.sort(finite(np.asarray(reference, dtype=np.float64).reshape(-1)))
    second = np.sort(finite(np.asarray(current, dtype=np.float64).reshape(-1)))
    if not len(first) or not len(second):
        return KolmogorovSmirnov(math.nan, math.nan)
    places = np.concatenate([first, second])
    below_first = np.searchsorted(first, places, "right") / len(first)
    below_second = np.searchsorted(second, places, "right") / len(second)
    distance = float(np.abs(below_first - below_second).max())
    root = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    return KolmogorovSmirnov(distance, kolmogorov_tail((root + 0.12 + 0.11 / root) * distance))


def kolmogorov_tail(x: float) -> float:
    """P(K > x) of Kolmogorov's distribution (1933), 0–1: 2 Σ (−1)^(j−1) exp(−2 j² x²), j from 1.

    That series converges slowly near 0; there the equal form 1 − √(2π)/x · Σ exp(−(2j − 1)² π² / (8 x²)) is summed
    instead (Marsaglia, Tsang and Wang, Evaluating Kolmogorov's distribution, 2003).
    """
    if x <= 0:
        return 1.0
    j = np.arange(1, 21)
    if x < 1.18:
        terms = np.exp(-((2 * j - 1) ** 2) * math.pi**2 / (8 * x * x))
        return float(np.clip(1 - math.sqrt(2 * math.pi) / x * terms.sum(), 0, 1))
    signs = np.where(j % 2, 1.0, -1.0)
    return float(np.clip(2 * (signs * np.exp(-2 * j**2 * x * x)).sum(), 0, 1))


def wilson(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a proportion, Wilson (1927); (0, 1) without trials."""
    if not n:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = hits / n, z * z / n
    middle = share + spread / 2
    reach = z * math.sqrt((share * (1 - share) + spread / 4) / n)
    return max(0.0, (middle - reach) / (1 + spread)), min(1.0, (middle + reach) / (1 + spread))


class Difference(NamedTuple):
    """A difference of two proportions, −1–1, and its interval."""

    value: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """The interval leaves no doubt about the sign."""
        return self.low > 0 or self.high < 0


def rate_difference(
    reference: tuple[int, int], current: tuple[int, int], confidence: float = 0.95
) -> Difference:
    """Current rate minus reference rate, each given as (hits, n), with the hybrid score interval of Newcombe.

    Method 10 of Newcombe, Interval estimation for the difference between independent proportions (1998).
    NaN with the widest interval when one has no trials.
    """
    (hits_before, before), (hits_now, now) = reference, current
    if not before or not now:
        return Difference(math.nan, -1.0, 1.0)
    was, now_is = hits_before / before, hits_now / now
    was_low, was_high = wilson(hits_before, before, confidence)
    now_low, now_high = wilson(hits_now, now, confidence)
    low = now_is - was - math.hypot(now_is - now_low, was_high - was)
    high = now_is - was + math.hypot(now_high - now_is, was - was_low)
    return Difference(now_is - was, low, high)


def paired_counts(
    reference: Mapping[str, int], current: Mapping[str, int]
) -> tuple[list[str], Counts, Counts]:
    """Two mixes over all names that occur, the commonest first: (names, counts, counts), the counts (B,) int64."""
    names = sorted(
        {*reference, *current},
        key=lambda name: (-reference.get(name, 0) - current.get(name, 0), name),
    )
    before = np.array([reference.get(name, 0) for name in names], dtype=np.int64)
    return names, before, np.array([current.get(name, 0) for name in names], dtype=np.int64)


def _psi(reference: NDArray[np.int64], current: NDArray[np.int64]) -> Values:
    """PSI of every row: (B,) or (R, B) against (R, B) → (R,)."""
    if not np.sum(reference) or not np.sum(current):
        return np.full(len(current), math.nan)
    before, now = _shares(reference, 0.5), _shares(current, 0.5)
    return np.asarray(((now - before) * np.log(now / before)).sum(axis=-1))


def _shares(counts: ArrayLike, prior: float = 0.0) -> Values:
    smoothed = np.asarray(counts, dtype=np.float64) + prior
    return np.asarray(smoothed / smoothed.sum(axis=-1, keepdims=True))
