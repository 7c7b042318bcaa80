"""A pass waits for the colours, and nothing but the right colours lets it stand."""

from collections.abc import Callable, Sequence
from random import Random

import numpy as np
import pytest

from liveness.engine import hues
from liveness.engine.capture import Capture
from liveness.engine.flash import Ask, Flash, Skip
from liveness.engine.hues import Challenge, Light
from liveness.engine.relight import shine
from liveness.engine.session import Decision, Reason, SessionRules, Verdict
from liveness.engine.stream import Risk
from liveness.tests.fakes import FakeEngine, Step, live, spoof
from liveness.tests.lights import DARK, lit

RULES = SessionRules(judged=6, live=4, seconds=(1.0, 60.0))
PACE = 0.14
Face = Callable[[Challenge, float], Light]


def mirror(challenge: Challenge, since: float) -> Light:
    """A face that is really there."""
    return shine(challenge, since, 0.1)


def recording(other: Challenge) -> Face:
    return lambda challenge, since: shine(other, since, 0.1)


def nobody(challenge: Challenge, since: float) -> Light:
    return DARK


def attempt(
    flash: Flash,
    face: Face,
    looks: Sequence[Step] | Step | None = None,
    risks: set[Risk] | None = None,
) -> tuple[Decision, Capture, list[Decision]]:
    """Frames every PACE seconds while a page paints what is asked of it, until there is a verdict."""
    capture = Capture(FakeEngine(looks if looks is not None else live()), RULES, 0.43, flash=flash)
    began, painted = 0.0, 0
    hints: list[Decision] = []
    for n in range(400):
        at = n * PACE
        challenge = flash.challenge
        if challenge is None:
            began, painted = at, 0
        else:
            while painted <= len(challenge.colours) and began + painted * challenge.seconds <= at:
                flash.painted(began + painted * challenge.seconds)
                painted += 1
        light = face(challenge, at - began) if challenge else DARK
        capture.note(risks or set())
        decision = capture.add(lit(light, n), at)
        if decision.verdict is not Verdict.MORE:
            return decision, capture, hints
        hints.append(decision)
    raise AssertionError("There was no verdict.")


def _record(capture: Capture) -> dict[str, object]:
    record = capture.flash.record()
    assert record is not None
    return record


def test_a_face_that_answers_the_colours_passes_after_one_round() -> None:
    flash = Flash(Ask.ALWAYS)
    decision, capture, hints = attempt(flash, mirror)
    assert decision.verdict is Verdict.PASS
    assert len(hints) * PACE > hues.STEPS * hues.SECONDS
    assert _record(capture)["answer"] == "correct"
    progress = [hint.progress for hint in hints]
    assert progress == sorted(progress)
    assert max(progress) <= 1.0


def test_the_frames_that_are_compared_with_each_other_cover_the_whole_attempt() -> None:
    _, capture, hints = attempt(Flash(Ask.ALWAYS), mirror)
    times = [shot.at for shot in capture.shots]
    assert times[0] == 0.0
    assert times[-1] == pytest.approx(len(hints) * PACE)
    assert max(np.diff(times)) < 5 * PACE


def test_a_recording_with_other_colours_is_refused_though_the_network_calls_it_live(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hues, "_SECRET", Random(1))
    decision, capture, _ = attempt(Flash(Ask.ALWAYS), recording(hues.draw()))
    assert decision == Decision(Verdict.FAIL, Reason.FLASH_WRONG, 1.0)
    assert not capture.embeddings
    assert len(capture.flash.rounds) == 2


def test_a_face_that_answers_nothing_gets_a_hint_a_second_round_and_no_pass() -> None:
    decision, _, hints = attempt(Flash(Ask.ALWAYS), nobody)
    assert decision == Decision(Verdict.ABSTAIN, Reason.FLASH_WEAK, 1.0)
    told = [hint.reason for hint in hints]
    assert told.count(Reason.FLASH_WEAK) * PACE == pytest.approx(3.0, abs=3 * PACE)


def test_somebody_who_dims_the_light_after_the_hint_passes_in_the_second_round() -> None:
    flash = Flash(Ask.ALWAYS)
    decision, _, _ = attempt(flash, lambda c, t: mirror(c, t) if flash.rounds else DARK)
    assert decision.verdict is Verdict.PASS
    assert len(flash.rounds) == 2


def test_a_slow_camera_gets_slow_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liveness.tests.engine.test_flash_rounds.PACE", 0.3)
    flash = Flash(Ask.ALWAYS)
    decision, _, hints = attempt(flash, mirror)
    assert decision.verdict is Verdict.PASS
    assert len(hints) * 0.3 > hues.STEPS * 0.9
    assert flash.rounds[0].frames >= 3 * hues.STEPS


def test_the_right_colours_add_no_trust() -> None:
    decision, capture, _ = attempt(Flash(Ask.ALWAYS), mirror, spoof())
    assert decision.reason is Reason.SPOOF
    assert _record(capture)["answer"] is None


def test_spoofed_frames_during_the_colours_take_a_pass_away_again() -> None:
    looks = [live()] * 10 + [spoof()]
    decision, _, _ = attempt(Flash(Ask.ALWAYS), mirror, looks)
    assert (decision.verdict, decision.reason) == (Verdict.FAIL, Reason.SPOOF)


def test_whoever_skips_passes_and_it_is_on_record() -> None:
    decision, capture, hints = attempt(Flash(Ask.ALWAYS, Skip.ALLOWED), nobody)
    assert decision.verdict is Verdict.PASS
    assert len(hints) < 10
    assert _record(capture) == {"answer": "skipped", "rounds": []}


def test_where_nothing_else_could_be_asked_for_nobody_skips() -> None:
    decision, _, _ = attempt(Flash(Ask.ALWAYS, Skip.REFUSED), mirror)
    assert decision == Decision(Verdict.ABSTAIN, Reason.FLASH_SKIPPED, 1.0)


@pytest.mark.parametrize("skip", list(Skip))
def test_without_the_setting_no_colours_are_asked_for(skip: Skip) -> None:
    decision, capture, _ = attempt(Flash(Ask.OFF, skip), nobody, risks={Risk.VIRTUAL_CAMERA})
    assert decision.verdict is Verdict.PASS
    assert capture.flash.record() is None


def test_as_a_step_up_they_are_asked_of_streams_with_a_risk_alone() -> None:
    calm, capture, _ = attempt(Flash(Ask.STEPUP), nobody)
    odd, _, _ = attempt(Flash(Ask.STEPUP), nobody, risks={Risk.VIRTUAL_CAMERA})
    assert (calm.verdict, capture.flash.record()) == (Verdict.PASS, None)
    assert odd.reason is Reason.FLASH_WEAK


def test_an_attempt_that_runs_out_of_time_before_the_colours_has_not_passed() -> None:
    capture = Capture(FakeEngine(live()), RULES, 0.43, flash=Flash(Ask.ALWAYS))
    for n in range(20):
        assert capture.add(lit(DARK, n), n * PACE).verdict is Verdict.MORE
    assert capture.session.expire() == Decision(Verdict.ABSTAIN, Reason.TIMED_OUT, 1.0)
