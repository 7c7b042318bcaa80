"""Paired bootstrap of two models' errors on the same frames, in NumPy alone.

Frames are drawn anew within their camera and class, with the same draw for both models (Efron 1979; paired as in Bolle,
Ratha and Pankanti 2004, "Error analysis of pattern recognition systems"). Frames of one person in a row resemble each
other, which this cannot know: intervals are as wide as if every frame were a presentation of its own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liveness.engine import metrics

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]

RESAMPLES = 2000


class Pair(NamedTuple):
    """One figure of both models, 0–1, their difference (candidate − champion) with its 95 % interval, and frames."""

    champion: float
    candidate: float
    low: float
    high: float
    n: int

    @property
    def difference(self) -> float:
        return self.candidate - self.champion


def error_rates(
    champion: Flags, candidate: Flags, strata: NDArray[np.int64], rng: np.random.Generator
) -> Pair:
    """Errors of both models on the same N frames; strata (N,): the camera of each.

    Drawing frames with replacement is drawing how often each of the three outcomes of a pair comes up (only the
    champion wrong, only the candidate, neither alone): one multinomial a stratum instead of N draws.
    """
    n = len(champion)
    total = np.zeros(RESAMPLES)
    for stratum in np.unique(strata):
        inside = strata == stratum
        worse = int((candidate & ~champion)[inside].sum())
        better = int((champion & ~candidate)[inside].sum())
        size = int(inside.sum())
        shares = np.array([worse, better, size - worse - better]) / size
        drawn = rng.multinomial(size, shares, RESAMPLES)
        total += drawn[:, 0] - drawn[:, 1]
    low, high = _interval(total / n)
    return Pair(float(champion.mean()), float(candidate.mean()), low, high, n)


def worst_rates(
    errors: Sequence[tuple[Flags, Flags, NDArray[np.int64]]], rng: np.random.Generator
) -> Pair:
    """The worst of several species' error rates: (champion's errors, candidate's errors, camera of each) a species."""
    first = np.stack([_drawn(own[0], own[1], own[2], rng) for own in errors])
    spread = first[:, 1].max(axis=0) - first[:, 0].max(axis=0)
    low, high = _interval(spread)
    worst = [max(float(own[i].mean()) for own in errors) for i in (0, 1)]
    return Pair(worst[0], worst[1], low, high, sum(len(own[0]) for own in errors))


def eer_rates(champion: Scores, candidate: Scores, live: Flags, rng: np.random.Generator) -> Pair:
    """Equal error rates of both models on the same N frames of one camera; both classes must be there."""
    classes = np.flatnonzero(live), np.flatnonzero(~live)
    drawn = np.empty((RESAMPLES, 2))
    for row in drawn:
        own = [rng.choice(frames, len(frames)) for frames in classes]
        row[:] = [
            metrics.eer(*(scores[each] for each in own))[0] for scores in (champion, candidate)
        ]
    found = [metrics.eer(scores[live], scores[~live])[0] for scores in (champion, candidate)]
    low, high = _interval(drawn[:, 1] - drawn[:, 0])
    return Pair(found[0], found[1], low, high, len(live))


def _drawn(
    champion: Flags, candidate: Flags, strata: NDArray[np.int64], rng: np.random.Generator
) -> Scores:
    """Error rates (2, RESAMPLES) of champion and candidate over the same draws."""
    counts = np.zeros((2, RESAMPLES))
    for stratum in np.unique(strata):
        a, b = champion[strata == stratum], candidate[strata == stratum]
        cells = np.array([(a & b).sum(), (a & ~b).sum(), (~a & b).sum(), (~a & ~b).sum()])
        drawn = rng.multinomial(len(a), cells / len(a), RESAMPLES)
        counts += np.stack([drawn[:, 0] + drawn[:, 1], drawn[:, 0] + drawn[:, 2]])
    return counts / len(champion)


def _interval(differences: Scores) -> tuple[float, float]:
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)
