import math

import numpy as np
import pytest
from numpy.typing import ArrayLike

from liveness.engine import shift


def _index(before: ArrayLike, now: ArrayLike, bins: int = 10) -> float:
    edges = shift.quantile_edges(before, bins)
    return shift.psi(shift.histogram(before, edges), shift.histogram(now, edges))


@pytest.mark.parametrize(
    ("x", "tail"),
    [
        (0.8276, 0.5),
        (1.2238, 0.1),
        (1.3581, 0.05),
        (1.4802, 0.025),
        (1.6276, 0.01),
        (1.9495, 0.001),
    ],
)
def test_kolmogorovs_distribution_is_that_of_the_tables(x: float, tail: float) -> None:
    assert shift.kolmogorov_tail(x) == pytest.approx(tail, rel=5e-4)


def test_the_two_forms_of_kolmogorovs_series_meet() -> None:
    assert shift.kolmogorov_tail(1.18 - 1e-9) == pytest.approx(
        shift.kolmogorov_tail(1.18), abs=1e-8
    )
    assert shift.kolmogorov_tail(0) == 1
    assert shift.kolmogorov_tail(0.05) == 1
    assert shift.kolmogorov_tail(30) == 0


def test_the_distance_of_two_samples_is_counted_exactly() -> None:
    assert shift.kolmogorov_smirnov([1, 2, 3, 4], [3, 4, 5, 6]).distance == 0.5
    assert shift.kolmogorov_smirnov([1, 1, 1], [1, 1]).distance == 0
    assert shift.kolmogorov_smirnov([1, 2], [3, 4]).distance == 1


def test_equal_samples_have_a_stability_index_of_zero() -> None:
    values = np.random.default_rng(0).normal(size=300)
    assert _index(values, values[::-1]) == 0
    assert _index([0.5] * 80, [0.5] * 80) == 0


def test_the_stability_index_is_that_of_its_formula() -> None:
    before, now = np.array([999, 1999]), np.array([1499, 1499])
    r, c = (before + 0.5) / (before + 0.5).sum(), (now + 0.5) / (now + 0.5).sum()
    by_hand = sum((c[n] - r[n]) * math.log(c[n] / r[n]) for n in (0, 1))
    assert shift.psi(before, now) == pytest.approx(by_hand)
    assert shift.psi(before, now) == pytest.approx(shift.psi(now, before))


def test_an_empty_bin_is_a_large_difference_and_not_an_infinite_one() -> None:
    assert 1 < shift.psi(np.array([100, 0]), np.array([0, 100])) < 20


def test_a_value_that_many_share_has_a_bin_of_its_own() -> None:
    assert _index([3.0] * 100, [2.0] * 100) > 1
    assert _index([3.0] * 100, [4.0] * 100) > 1
    mostly_nothing = [0.0] * 90 + [0.5] * 10
    assert _index(mostly_nothing, [0.0] * 50 + [0.5] * 50) > 0.25


def test_missing_and_endless_values_are_left_out() -> None:
    values = [1.0, None, math.nan, math.inf, 2.0]
    assert list(shift.finite(values)) == [1.0, 2.0]
    assert shift.kolmogorov_smirnov([1, math.nan, 2], [1, 2]).distance == 0
    assert shift.histogram([math.nan, 1.0], shift.quantile_edges([1.0, 2.0, math.inf])).sum() == 1


def test_an_empty_sample_has_no_figures() -> None:
    assert len(shift.quantile_edges([])) == 0
    nothing, something = np.zeros(3, np.int64), np.array([1, 2, 3])
    assert math.isnan(shift.psi(nothing, something))
    assert math.isnan(shift.psi_chance(something, nothing))
    assert math.isnan(shift.total_variation(nothing, something))
    assert all(math.isnan(value) for value in shift.kolmogorov_smirnov([], [1.0]))
    assert math.isnan(shift.rate_difference((0, 0), (1, 2)).value)


def test_chance_explains_noise_and_no_shift() -> None:
    assert shift.psi_chance(np.array([50, 50]), np.array([27, 23])) > 0.3
    assert shift.psi_chance(np.array([500, 0]), np.array([0, 50])) == pytest.approx(1 / 20_001)
    assert shift.psi_chance(np.array([9, 0]), np.array([9, 0])) == 1


def test_chance_is_the_share_of_equal_weeks_that_look_as_different() -> None:
    rng = np.random.default_rng(1)
    shares = np.full(5, 0.2)
    pairs = [(rng.multinomial(500, shares), rng.multinomial(60, shares)) for _ in range(100)]
    chances = np.array([shift.psi_chance(*pair) for pair in pairs])
    assert 0.35 < (chances < 0.5).mean() < 0.65
    assert (chances < 0.05).mean() < 0.1


def test_the_moved_share_is_counted() -> None:
    assert shift.total_variation(np.array([80, 20]), np.array([10, 30])) == pytest.approx(0.55)


def test_a_difference_of_rates_is_that_of_newcombes_paper() -> None:
    found = shift.rate_difference((48, 80), (56, 70))
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert found.clear
    assert not shift.rate_difference((48, 80), (48, 70)).clear
    assert shift.rate_difference((0, 10), (0, 20)) == pytest.approx((0, -0.2775, 0.1611), abs=5e-5)


def test_small_samples_get_fewer_bins() -> None:
    assert shift.bins_for(500, 50) == 5
    assert shift.bins_for(12, 500) == 2
    assert shift.bins_for(10_000, 10_000) == 10


def test_mixes_are_paired_by_name_the_commonest_first() -> None:
    names, before, now = shift.paired_counts({"a": 1, "b": 5}, {"c": 9, "a": 1})
    assert names == ["c", "b", "a"]
    assert (before.tolist(), now.tolist()) == ([0, 5, 1], [9, 0, 1])
