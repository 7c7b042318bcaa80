from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone
from pytest_django import Settings

from liveness import drift
from liveness.drift import CameraPart, Level, Sample
from liveness.models import Attempt
from liveness.tests.drifting import active_model, attempts
from liveness.tests.fakes import FakeEngine, ended_attempt, live


def _made(
    seed: int, n: int = 200, shift: float = 0.0, camera: str = "A", abstain: float = 0.05
) -> Sample:
    """Attempts as one distribution makes them; shift: in standard deviations."""
    rng = np.random.default_rng(seed)
    numbers = {name: sorted(rng.normal(shift, 1, n).tolist()) for name in drift.NUMBERS}
    abstained = int(rng.binomial(n, abstain))
    refused = int(rng.binomial(n - abstained, 0.1))
    outcomes = {"passed": n - abstained - refused, "refused": refused, "abstained": abstained}
    of_camera = int(rng.binomial(n, 0.7))
    cameras = {camera: CameraPart(of_camera, {}, 0.9), "B": CameraPart(n - of_camera, {}, 0.9)}
    return Sample(n, None, None, numbers, outcomes, cameras)


def _levels(before: Sample, now: Sample) -> dict[str, Level]:
    return {item.measure: item.level for item in drift.compare(before, now)}


@pytest.mark.parametrize("n", [50, 300])
def test_two_samples_of_one_distribution_are_steady(n: int) -> None:
    pairs = [(_made(seed, 500), _made(seed + 1000, n)) for seed in range(100)]
    found = [set(_levels(*pair).values()) for pair in pairs]
    assert sum(levels == {Level.STEADY} for levels in found) >= 95
    assert not any(Level.DRIFTED in levels for levels in found)


def test_a_shift_of_one_standard_deviation_is_found_at_the_smallest_size() -> None:
    found = [_levels(_made(seed, 500), _made(seed + 1000, 60, shift=1.0)) for seed in range(20)]
    hits = [levels[name] is Level.DRIFTED for levels in found for name in drift.NUMBERS]
    assert np.mean(hits) > 0.95


def test_a_swapped_camera_is_found() -> None:
    levels = _levels(_made(1, 500), _made(2, 60, camera="C"))
    assert levels.pop("camera") is Level.DRIFTED
    assert set(levels.values()) == {Level.STEADY}


def test_more_abstentions_are_found() -> None:
    levels = _levels(_made(1, 500), _made(2, 200, abstain=0.3))
    assert levels["abstention"] is levels["outcome"] is Level.DRIFTED


def test_a_few_more_abstentions_are_worth_watching() -> None:
    before = Sample(outcomes={"passed": 4800, "abstained": 200})
    now = Sample(outcomes={"passed": 900, "abstained": 100})
    assert _levels(before, now)["abstention"] is Level.WATCH


def test_the_most_serious_comes_first() -> None:
    found = drift.compare(_made(1, 500), _made(2, 60, camera="C"))
    assert found[0].measure == "camera"


@pytest.mark.parametrize(("before", "now"), [(49, 500), (500, 49), (0, 0)])
def test_too_few_is_an_answer_of_its_own(before: int, now: int) -> None:
    levels = _levels(_made(1, before), _made(2, now, shift=5.0, camera="C"))
    assert set(levels.values()) == {Level.TOO_FEW}


def test_a_frozen_sample_comes_back_as_it_was() -> None:
    sample = _made(1)
    assert Sample.read(sample.as_dict()) == sample


@pytest.mark.django_db
class TestPeriods:
    def test_without_a_model_there_is_nothing_to_compare(self) -> None:
        report = drift.report()
        assert (report.model, report.findings, report.drifted) == (None, [], [])

    def test_the_reference_is_the_first_attempts_after_the_promotion(
        self, settings: Settings
    ) -> None:
        settings.LIVEGATE_DRIFT_REFERENCE = 60
        active_model()
        attempts(30, days_ago=50)
        attempts(60, days_ago=39)
        attempts(70, days_ago=3)
        report = drift.report()
        assert report.reference is not None
        assert report.reference.complete
        assert (report.reference.sample.n, report.current.n) == (60, 70)
        assert {item.level for item in report.findings} == {Level.STEADY}

    def test_a_growing_reference_is_compared_with_nothing(self) -> None:
        active_model()
        attempts(100, days_ago=10)
        attempts(100, days_ago=2, camera="New Camera")
        report = drift.report()
        assert report.reference is not None
        assert not report.reference.complete
        assert {item.level for item in report.findings} == {Level.TOO_FEW}

    def test_a_quiet_site_completes_its_reference_after_its_days(self) -> None:
        active_model()
        attempts(55, days_ago=39)
        attempts(55, days_ago=4, light=60)
        report = drift.report()
        assert report.reference is not None
        assert (report.reference.sample.n, report.current.n) == (55, 55)
        assert report.drifted == ["light"]

    def test_a_very_quiet_site_waits_for_enough_attempts(self) -> None:
        active_model(promoted_days_ago=80)
        attempts(20, days_ago=79)
        attempts(29, days_ago=20)
        assert not _reference_complete()
        attempts(1, days_ago=10)
        assert _reference_complete()

    @pytest.mark.parametrize(
        "changes",
        [{"model_sha256": "e" * 64}, {"measures": None}, {"closed": None}],
        ids=["another model", "from before measuring", "not ended"],
    )
    def test_attempts_that_cannot_be_compared_do_not_count(self, changes: dict[str, Any]) -> None:
        active_model()
        Attempt.objects.filter(pk__in=[row.pk for row in attempts(5, days_ago=2)]).update(**changes)
        attempts(3, days_ago=3)
        report = drift.report()
        assert report.reference is not None
        assert report.reference.sample.n == 3

    def test_only_the_last_days_are_current(self, settings: Settings) -> None:
        settings.LIVEGATE_DRIFT_REFERENCE = 50
        active_model()
        for days_ago in (39, 20, 5, 1):
            attempts(50, days_ago)
        assert [drift.report(days).current.n for days in (2, 7, 30)] == [50, 100, 150]

    def test_a_number_of_days_that_makes_no_sense_is_refused(self) -> None:
        for days in (0, -1, 100_000):
            with pytest.raises(ValueError, match="days"):
                drift.report(days)

    def test_a_face_of_somebody_else_has_passed_the_liveness_check(self) -> None:
        active_model()
        attempts(1, days_ago=9, state="failed", reason="no_match")
        attempts(2, days_ago=8, state="failed", reason="spoof")
        attempts(3, days_ago=7, state="abstained", pooled=None)
        attempts(4, days_ago=6, state="abandoned")
        report = drift.report()
        assert report.reference is not None
        sample = report.reference.sample
        assert sample.outcomes == {"passed": 1, "refused": 2, "abstained": 3, "abandoned": 4}
        assert sample.abstentions() == (3, 6)
        assert len(sample.numbers["score"]) == 7

    def test_rare_cameras_lose_their_names_and_silent_browsers_are_left_out(self) -> None:
        active_model()
        attempts(6, days_ago=9)
        attempts(4, days_ago=8, camera="Ada's phone")
        attempts(9, days_ago=7, camera="")
        report = drift.report()
        assert report.reference is not None
        counts = report.reference.sample.mix("camera")
        assert counts == {"Desk Camera 640x480": 6, drift.OTHER_CAMERAS: 4}

    def test_broken_measures_are_left_out(self) -> None:
        active_model()
        attempts(2, days_ago=9, measures={"light": None, "face": "wide"})
        attempts(1, days_ago=8)
        report = drift.report()
        assert report.reference is not None
        assert len(report.reference.sample.numbers["light"]) == 1
        assert len(report.reference.sample.numbers["face"]) == 1

    def test_a_real_attempt_is_measured(self) -> None:
        active_model(promoted_days_ago=1)
        attempt = ended_attempt(FakeEngine(live()))
        assert attempt.measures == {"light": 120, "face": 0.5833, "unjudged": 0}
        report = drift.report(now=timezone.now() + timedelta(seconds=1))
        assert report.reference is not None
        assert report.reference.sample.n == 1


def _reference_complete() -> bool:
    found = drift.report().reference
    return bool(found and found.complete)


@pytest.mark.django_db
def test_a_report_needs_few_queries(django_assert_max_num_queries: Callable[[int], Any]) -> None:
    active_model()
    attempts(60, days_ago=35)
    attempts(60, days_ago=2)
    with django_assert_max_num_queries(8):
        drift.report()
