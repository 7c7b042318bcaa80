import pytest

from liveness import charts, words
from liveness.engine.quality import Quality
from liveness.engine.session import Reason
from liveness.models import Attempt, FrameRecord


def _frame(at: float, p: float | None) -> FrameRecord:
    return FrameRecord(at=at, p=p, reasons=[] if p else ["blurred"], box=None)


def test_time_runs_to_the_right_and_scores_upwards() -> None:
    chart = charts.scores_over_time([_frame(0, 0.0), _frame(1, None), _frame(2, 1.0)], 0.5)
    first, last = chart.points
    assert (first.x, first.y) == (chart.left, chart.bottom)
    assert (last.x, last.y) == (chart.right, chart.top)
    assert chart.threshold == (chart.top + chart.bottom) / 2
    assert chart.unjudged == [(chart.left + chart.right) / 2]
    assert chart.line == f"{first.x},{first.y} {last.x},{last.y}"


def test_a_single_frame_and_none_at_all_can_be_drawn() -> None:
    assert charts.scores_over_time([_frame(0, 0.7)], None).points[0].x == charts.Chart.left
    assert charts.scores_over_time([], None).line == ""


@pytest.mark.parametrize("code", [*Quality, *Reason])
def test_every_code_of_the_engine_has_words(code: str) -> None:
    assert words.reason(code) != code


def test_a_refusal_is_told_without_its_cause() -> None:
    told = {
        words.told(Attempt(state="failed", reason=reason))
        for reason in (Reason.SPOOF, Reason.DIFFERENT_PEOPLE)
    }
    assert told == {"We could not confirm that you are here in person."}


@pytest.mark.parametrize("state", Attempt.State.values)
def test_every_state_says_what_the_person_was_told(state: str) -> None:
    assert words.told(Attempt(state=state, reason="too_dark")).endswith(".")
