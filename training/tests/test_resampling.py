"""The paired bootstrap agrees with drawing frames one by one, and with the plain figures."""

import numpy as np
import pytest

from liveness.engine import metrics
from training import resampling


def _scores(n: int = 400) -> tuple[resampling.Scores, resampling.Scores, np.ndarray]:
    rng = np.random.default_rng(0)
    live = rng.random(n) < 0.4
    champion = np.clip(rng.normal(np.where(live, 0.7, 0.3), 0.2), 0, 1).astype(np.float64).round(2)
    return champion, np.clip(champion + rng.normal(0, 0.05, n), 0, 1), live


def test_every_draw_of_each_frame_once_gives_the_plain_equal_error_rate() -> None:
    champion, candidate, live = _scores()
    once = np.ones((1, len(live)), np.int64)
    for scores in (champion, candidate):
        found = resampling._weighted_eer(scores, live, once)[0]
        assert found == pytest.approx(metrics.eer(scores[live], scores[~live])[0])


def test_a_draw_gives_the_equal_error_rate_of_the_frames_that_were_drawn() -> None:
    champion, _, live = _scores(100)
    weights = resampling._weights(live, np.random.default_rng(1))[:5]
    for row, found in zip(weights, resampling._weighted_eer(champion, live, weights), strict=True):
        drawn = np.repeat(np.arange(len(live)), row)
        scores, truth = champion[drawn], live[drawn]
        assert found == pytest.approx(metrics.eer(scores[truth], scores[~truth])[0])


def test_intervals_are_those_of_drawing_frame_by_frame() -> None:
    rng = np.random.default_rng(2)
    champion, candidate = rng.random(500) < 0.1, rng.random(500) < 0.16
    pair = resampling.error_rates(champion, candidate, np.zeros(500, np.int64), rng)
    draws = rng.integers(0, 500, (4000, 500))
    plain = np.quantile((candidate[draws].mean(1) - champion[draws].mean(1)), [0.025, 0.975])
    assert (pair.low, pair.high) == pytest.approx(plain, abs=0.006)
    assert pair.difference == pytest.approx(candidate.mean() - champion.mean())


def test_the_same_errors_differ_by_nothing() -> None:
    wrong = np.random.default_rng(3).random(200) < 0.1
    pair = resampling.error_rates(wrong, wrong, np.zeros(200, np.int64), np.random.default_rng(0))
    assert (pair.difference, pair.low, pair.high) == (0, 0, 0)


def test_the_worst_species_may_be_another_one() -> None:
    strata = np.zeros(100, np.int64)
    some, many, none = np.arange(100) < 10, np.arange(100) < 30, np.zeros(100, bool)
    errors = [(some, none, strata), (none, many, strata)]
    pair = resampling.worst_rates(errors, np.random.default_rng(0))
    assert (pair.champion, pair.candidate) == (0.1, 0.3)
    assert 0 < pair.low < 0.2 < pair.high
