import math

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
