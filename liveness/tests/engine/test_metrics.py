import math

import numpy as np
import pytest

from liveness.engine import metrics

LIVE = [0.9, 0.8, 0.7, 0.2]
ATTACKS = [0.1, 0.3, 0.75, 0.05]


def test_without_errors_the_interval_has_its_closed_form() -> None:
    low, high = metrics.clopper_pearson(0, 42)
    assert low == 0
    assert high == pytest.approx(1 - 0.025 ** (1 / 42), abs=1e-9)


def test_an_interval_agrees_with_the_published_one_for_five_of_a_hundred() -> None:
    assert metrics.clopper_pearson(5, 100) == pytest.approx((0.01643, 0.11283), abs=1e-5)


def test_intervals_of_errors_and_of_successes_mirror_each_other() -> None:
    low, high = metrics.clopper_pearson(7, 30)
    assert metrics.clopper_pearson(23, 30) == pytest.approx((1 - high, 1 - low))


def test_a_large_sample_does_not_overflow() -> None:
    low, high = metrics.clopper_pearson(3, 29_956)
    assert 0 < low < 1e-4 < high < 4e-4


def test_more_errors_than_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="impossible"):
        metrics.clopper_pearson(3, 2)


def test_without_trials_nothing_is_known() -> None:
    assert metrics.clopper_pearson(0, 0) == (0.0, 1.0)
    assert math.isnan(metrics.apcer([], 0.5).rate)


def test_a_score_on_the_threshold_is_accepted() -> None:
    assert metrics.apcer([0.5], 0.5).errors == 1
    assert metrics.bpcer([0.5], 0.5).errors == 0


def test_auc_counts_pairs_and_ties_as_half() -> None:
    live, attacks = [0.5, 0.9], [0.5, 0.1]
    assert metrics.auc(live, attacks) == pytest.approx((0.5 + 1 + 1 + 1) / 4)


def test_eer_lies_where_both_errors_meet() -> None:
    rate, threshold = metrics.eer(LIVE, ATTACKS)
    assert rate == pytest.approx(0.25)
    assert metrics.apcer(ATTACKS, threshold).rate == metrics.bpcer(LIVE, threshold).rate


def test_separable_scores_have_no_equal_error() -> None:
    assert metrics.eer([0.8, 0.9], [0.1, 0.2])[0] == 0


def test_bpcer_at_apcer_uses_the_most_lenient_threshold_that_holds_the_limit() -> None:
    found, threshold = metrics.bpcer_at_apcer(LIVE, ATTACKS, 0.25)
    assert metrics.apcer(ATTACKS, threshold).rate <= 0.25
    assert (found.errors, found.n) == (1, 4)
    assert metrics.bpcer_at_apcer(LIVE, ATTACKS, 0.0)[0].errors == 2


def test_an_attack_above_all_bona_fide_refuses_everybody_at_apcer_zero() -> None:
    found, _ = metrics.bpcer_at_apcer([0.4, 0.5], [1.0], 0.0)
    assert found.errors == 2


def test_the_worst_species_is_the_headline() -> None:
    species = {"print": [0.1, 0.2], "screen": [0.1, 0.9]}
    name, found = metrics.worst_apcer(species, 0.5)
    assert (name, found.errors, found.n) == ("screen", 1, 2)


def test_a_summary_of_bona_fide_alone_leaves_out_what_needs_both() -> None:
    figures = metrics.summary([0.9, 0.1], {}, 0.5)
    assert figures["bpcer"]["rate"] == 0.5
    assert "eer" not in figures


def test_zero_errors_need_as_many_trials_as_the_exact_interval_says() -> None:
    assert [metrics.trials_needed(rate) for rate in (1e-2, 1e-4)] == [299, 29_956]
    enough = metrics.clopper_pearson(0, 299, confidence=0.90)[1]  # one-sided 95 %
    too_few = metrics.clopper_pearson(0, 298, confidence=0.90)[1]
    assert enough <= 0.01 < too_few
    with pytest.raises(ValueError, match=r"\(0, 1\)"):
        metrics.trials_needed(0)


def test_the_binomial_distribution_agrees_with_counting() -> None:
    counted = sum(math.comb(12, i) * 0.3**i * 0.7 ** (12 - i) for i in range(5))
    assert metrics.binomial_cdf(4, 12, 0.3) == pytest.approx(counted)
    assert metrics.binomial_cdf(-1, 12, 0.3) == 0
    assert metrics.binomial_cdf(12, 12, 0.3) == metrics.binomial_cdf(0, 12, 0.0) == 1


def test_rates_are_those_of_each_threshold() -> None:
    found = metrics.rates(LIVE, ATTACKS)
    for threshold, accepted, refused in zip(*found, strict=True):
        assert accepted == metrics.apcer(ATTACKS, threshold).rate
        assert refused == metrics.bpcer(LIVE, threshold).rate
    assert (found.apcer[-1], found.bpcer[0]) == (0, 0)


def test_the_interval_of_an_eer_is_that_of_the_smaller_class() -> None:
    assert metrics.eer_interval(0.0, 42, 1000) == metrics.clopper_pearson(0, 42)
    low, high = metrics.eer_interval(0.125, 20, 30)  # 2.5 errors of 20
    assert low == metrics.clopper_pearson(2, 20)[0]
    assert high == metrics.clopper_pearson(3, 20)[1]


def test_tpr_at_a_small_fpr_needs_enough_attacks() -> None:
    live, attacks = [0.9, 0.8, 0.1], [0.2] * 299
    found = metrics.tpr_at_fpr(live, attacks, 0.01)
    assert found is not None
    assert (found.errors, found.n) == (2, 3)
    assert metrics.tpr_at_fpr(live, attacks[:-1], 0.01) is None


def test_acer_is_the_mean_of_the_worst_apcer_and_bpcer() -> None:
    assert metrics.acer(metrics.Proportion(1, 4), metrics.Proportion(1, 2)) == pytest.approx(0.375)


def test_a_bootstrap_over_cameras_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        low, high = metrics.bootstrap_mean(rng.normal(5, 1, 25), resamples=400)
        covered += low <= 5 <= high
    assert 0.86 <= covered / 200 <= 0.99


def test_a_bootstrap_repeats_itself_and_knows_nothing_from_nothing() -> None:
    assert metrics.bootstrap_mean([0.1, 0.4, 0.2]) == metrics.bootstrap_mean([0.1, 0.4, 0.2])
    assert all(math.isnan(bound) for bound in metrics.bootstrap_mean([]))


def test_reliability_puts_every_score_into_one_bin() -> None:
    bins = metrics.reliability([0.95, 1.0, 0.1], [0.0, 0.92], bins=10)
    assert [(item.low, item.bona_fide.errors, item.bona_fide.n) for item in bins] == [
        (0.0, 0, 1),
        (0.1, 1, 1),
        (0.9, 2, 3),
    ]
    assert bins[-1].mean == pytest.approx((0.95 + 1.0 + 0.92) / 3)


def test_honest_scores_have_no_calibration_error() -> None:
    honest = metrics.reliability([0.75] * 75, [0.75] * 25)
    assert metrics.calibration_error(honest) == pytest.approx(0)
    boastful = metrics.reliability([0.95] * 50, [0.95] * 50)
    assert metrics.calibration_error(boastful) == pytest.approx(0.45)
    assert math.isnan(metrics.calibration_error([]))
