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


def test_equal_error_rates_are_the_plain_ones_and_their_difference_is_within_its_interval() -> None:
    champion, candidate, live = _scores()
    pair = resampling.eer_rates(champion, candidate, live, np.random.default_rng(1))
    plain = [metrics.eer(scores[live], scores[~live])[0] for scores in (champion, candidate)]
    assert [pair.champion, pair.candidate] == plain
    assert pair.low < pair.difference < pair.high
    assert pair.n == len(live)


def test_both_models_are_judged_on_the_same_draws() -> None:
    champion, candidate, live = _scores()
    same = resampling.eer_rates(champion, champion, live, np.random.default_rng(1))
    assert (same.difference, same.low, same.high) == (0, 0, 0)
    shuffled = np.random.default_rng(2).permutation(candidate)
    worse = resampling.eer_rates(champion, shuffled, live, np.random.default_rng(1))
    assert 0 < worse.low < worse.difference


def test_a_draw_keeps_the_size_of_each_class() -> None:
    """With one frame of a class every draw holds it, and the error is what the other class makes of it."""
    scores, live = np.array([0.5, 0.2, 0.3, 0.4, 0.1]), np.array([True, False, False, False, False])
    pair = resampling.eer_rates(scores, 1 - scores, live, np.random.default_rng(0))
    assert (pair.champion, pair.candidate, pair.low, pair.high) == (0, 1, 1, 1)


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
