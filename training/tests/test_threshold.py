"""What a calibrated threshold promises, checked on samples that it has not seen."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training import threshold
from training.threshold import Guarantee, ThresholdError

RNG = np.random.default_rng(5)


def _beta(size: int, a: float = 5.0, b: float = 2.0) -> NDArray[np.float64]:
    return RNG.beta(a, b, size)


def test_the_threshold_is_the_order_statistic_of_split_conformal() -> None:
    scores = np.linspace(0.01, 0.99, 99)
    assert threshold.for_bpcer({"a": scores}, 0.05) == pytest.approx(
        scores[4]
    )  # floor(100 · 0.05) = 5th


def test_with_just_enough_frames_the_smallest_score_is_the_threshold() -> None:
    assert threshold.frames_needed(0.05) == 19
    assert threshold.for_bpcer({"a": [0.5] * 10 + [0.3] * 9}, 0.05) == 0.3


def test_too_few_frames_are_refused_with_the_number_that_is_needed() -> None:
    with pytest.raises(ThresholdError, match=r"at least 99 frames; there are 98"):
        threshold.for_bpcer({"a": [0.5] * 98}, 0.01)


def test_too_few_cameras_are_refused_with_the_number_that_is_needed() -> None:
    cameras = {str(n): [0.5] * 1000 for n in range(18)}
    with pytest.raises(ThresholdError, match=r"at least 19 cameras; there are 18"):
        threshold.for_bpcer(cameras, 0.05, Guarantee.NEW_CAMERA)
    assert threshold.for_bpcer(cameras | {"x": [0.5]}, 0.05, Guarantee.NEW_CAMERA) == 0.5


def test_a_camera_with_too_few_frames_is_refused_when_all_cameras_count_the_same() -> None:
    with pytest.raises(ThresholdError, match="about 19 frames of each camera; there are 3, 900"):
        threshold.for_bpcer({"a": [0.5] * 900, "b": [0.5] * 3}, 0.05, Guarantee.CAMERAS)


def test_no_scores_and_impossible_targets_are_refused() -> None:
    for guarantee in Guarantee:
        with pytest.raises(ThresholdError, match="at least"):
            threshold.for_bpcer({}, 0.05, guarantee)
    with pytest.raises(ThresholdError, match=r"\(0, 1\)"):
        threshold.for_bpcer({"a": [0.5]}, 1.5)


def test_new_frames_of_the_same_kind_keep_the_promise_on_average() -> None:
    refused = []
    for _ in range(300):
        value = threshold.for_bpcer({"a": _beta(60)}, 0.1)
        refused.append((_beta(400) < value).mean())
    assert 0.075 < np.mean(refused) <= 0.105


def test_attacks_keep_their_promise_from_the_other_side() -> None:
    passed = []
    for _ in range(300):
        value = threshold.for_apcer({"a": _beta(60, 2, 5)}, 0.1)
        passed.append((_beta(400, 2, 5) >= value).mean())
    assert 0.075 < np.mean(passed) <= 0.105


def test_an_attack_on_the_threshold_would_be_accepted_so_the_threshold_lies_above_it() -> None:
    value = threshold.for_apcer({"a": [0.2] * 19}, 0.05)
    assert 0.2 < value < 0.2 + 1e-9


def test_a_camera_that_is_drawn_evenly_keeps_the_promise_that_pooling_breaks() -> None:
    """One camera of 600 easy frames and one of 60 hard ones: pooled, the hard one pays."""
    mean_refused = {}
    for guarantee in (Guarantee.FRAMES, Guarantee.CAMERAS):
        shares = []
        for _ in range(150):
            value = threshold.for_bpcer(
                {"e": _beta(600, 9, 1), "h": _beta(60, 3, 3)}, 0.1, guarantee
            )
            shares += [(_beta(300, 9, 1) < value).mean(), (_beta(300, 3, 3) < value).mean()]
        mean_refused[guarantee] = np.mean(shares)
    assert mean_refused[Guarantee.CAMERAS] <= 0.105
    assert mean_refused[Guarantee.FRAMES] > 0.2


def test_a_new_camera_keeps_the_promise_of_the_hierarchical_quantile_alone() -> None:
    refused: dict[Guarantee, list[float]] = {Guarantee.FRAMES: [], Guarantee.NEW_CAMERA: []}
    for _ in range(400):
        means = RNG.uniform(0.3, 0.9, 13)
        cameras = {str(n): np.clip(RNG.normal(m, 0.05, 30), 0, 1) for n, m in enumerate(means[:12])}
        new = np.clip(RNG.normal(means[12], 0.05, 50), 0, 1)
        for guarantee, shares in refused.items():
            shares.append(float((new < threshold.for_bpcer(cameras, 0.1, guarantee)).mean()))
    assert np.mean(refused[Guarantee.NEW_CAMERA]) <= 0.11
    assert np.mean(refused[Guarantee.FRAMES]) > np.mean(refused[Guarantee.NEW_CAMERA])


def test_the_confidence_is_how_often_the_promise_holds_for_one_calibration() -> None:
    n, alpha = 60, 0.1
    held = [np.quantile(np.sort(RNG.uniform(size=n))[5], 1) <= alpha for _ in range(4000)]
    assert threshold.confidence(n, alpha) == pytest.approx(np.mean(held), abs=0.03)


def test_the_band_lies_between_what_both_errors_promise() -> None:
    live, attacks = np.linspace(0.3, 1, 199), np.linspace(0, 0.7, 199)
    made = threshold.calibrate({"a": live}, {"a": attacks, "b": [0.1]}, bpcer=0.05, apcer=0.02)
    low, high = made.band
    assert made.value == low < high
    assert (live < low).mean() <= 0.05
    assert (attacks >= high).mean() <= 0.02


def test_classes_that_do_not_overlap_leave_the_threshold_at_the_upper_end() -> None:
    made = threshold.calibrate({"a": [0.8] * 19}, {"a": [0.2] * 19})
    assert made.band[0] == pytest.approx(0.2)
    assert made.value == made.band[1] == 0.8


def test_the_manifest_says_what_was_promised_and_on_what() -> None:
    fields = threshold.calibrate({"b": [0.8] * 40}, {"a": [0.2] * 30}).as_dict()
    assert fields["target"].startswith("BPCER ≤ 0.05 for a frame like the calibration frames")
    assert (fields["bona_fide"], fields["attacks"], fields["cameras"]) == (40, 30, ["a", "b"])
    assert 0.4 < fields["confidence"] < 1
    cameras = threshold.calibrate({"b": [0.8] * 40}, {"a": [0.2] * 30}, guarantee=Guarantee.CAMERAS)
    assert cameras.as_dict()["confidence"] is None


def test_an_offset_brings_a_camera_to_the_reference_and_fades_with_few_frames() -> None:
    reference, dark = _beta(4000), threshold.shifted(_beta(4000), -1.0)
    many = threshold.offset(dark, reference)
    assert many == pytest.approx(1.0, abs=0.12)
    assert threshold.offset([0.3] * 5, [0.5]) == pytest.approx(5 / 25 * np.log(0.7 / 0.3))
    moved = threshold.shifted(dark, many)
    assert np.median(moved) == pytest.approx(np.median(reference), abs=0.02)


def test_a_threshold_can_always_stand_in_a_manifest() -> None:
    assert threshold.for_bpcer({"a": [1.0] * 19}, 0.05) < 1


def test_an_offset_is_bounded_and_nothing_without_frames() -> None:
    assert threshold.offset([0.001] * 500, [0.999] * 500) == threshold.OFFSET_LIMIT
    assert threshold.offset([], [0.5]) == 0.0
