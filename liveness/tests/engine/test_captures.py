"""No embedding before PASS; one and the same person from the first frame to the last."""

import numpy as np
import pytest

from liveness.engine.capture import Capture, least_similarity
from liveness.engine.quality import Quality
from liveness.engine.session import Decision, Reason, SessionRules, Verdict
from liveness.tests.fakes import ALICE, MALLORY, FakeEngine, jpeg, live, person, spoof, unclear

RULES = SessionRules(judged=6, live=4, seconds=(1.0, 30.0))
FRAME = jpeg()


def _capture(engine: FakeEngine) -> Capture:
    return Capture(engine, RULES, 0.43)


def _feed(capture: Capture, count: int) -> Decision:
    for n in range(count):
        decision = capture.add(FRAME, n * 0.25)
    return decision


def test_there_is_no_embedding_before_the_pass() -> None:
    engine = FakeEngine(live())
    capture = _capture(engine)
    _feed(capture, 5)
    assert (engine.embedded, capture.embeddings) == (0, [])
    with pytest.raises(ValueError, match="before"):
        capture.template()


@pytest.mark.parametrize("look", [spoof(), unclear(Quality.TOO_DARK)])
def test_a_refused_attempt_is_never_embedded(look: object) -> None:
    engine = FakeEngine(look)  # type: ignore[arg-type]
    capture = _capture(engine)
    _feed(capture, 6)
    capture.session.expire()
    assert engine.embedded == 0
    with pytest.raises(ValueError, match="before"):
        capture.template()


def test_after_the_pass_the_template_is_the_mean_of_the_live_frames() -> None:
    near = np.asarray(ALICE + 0.3 * person(5), dtype=np.float32)
    near /= np.linalg.norm(near)
    capture = _capture(FakeEngine(live(), [ALICE, near, ALICE, near, ALICE, near]))
    assert _feed(capture, 6).verdict is Verdict.PASS
    template = capture.template()
    assert np.linalg.norm(template) == pytest.approx(1.0)
    mean = ALICE + near
    np.testing.assert_allclose(template, mean / np.linalg.norm(mean), atol=1e-6)


def test_frames_that_scored_as_spoof_lend_nothing_to_the_template() -> None:
    near = np.asarray(ALICE + 0.5 * person(5), dtype=np.float32)
    near /= np.linalg.norm(near)
    looks = [spoof(0.5), live(), live(), live(), live(), live()]
    capture = _capture(FakeEngine(looks, [near, ALICE]))
    assert _feed(capture, 6).verdict is Verdict.PASS
    np.testing.assert_allclose(capture.template(), ALICE, atol=1e-6)


@pytest.mark.parametrize("place", range(6))
def test_another_person_in_any_frame_refuses_the_attempt(place: int) -> None:
    people = [MALLORY if n == place else ALICE for n in range(6)]
    capture = _capture(FakeEngine(live(), people))
    assert _feed(capture, 6) == Decision(Verdict.FAIL, Reason.DIFFERENT_PEOPLE, 1.0)
    with pytest.raises(ValueError, match="before"):
        capture.template()


def test_another_person_in_a_spoofed_frame_refuses_the_attempt_too() -> None:
    capture = _capture(FakeEngine([spoof(0.5), live()], [MALLORY, ALICE]))
    assert _feed(capture, 6).reason is Reason.DIFFERENT_PEOPLE


@pytest.mark.parametrize("data", [b"", b"text", FRAME[:100]])
def test_a_damaged_frame_fails_the_attempt_and_is_no_exception(data: bytes) -> None:
    assert _capture(FakeEngine()).add(data, 0.0) == Decision(Verdict.FAIL, Reason.BAD_FRAME)


def test_an_exception_of_the_engine_is_not_swallowed() -> None:
    with pytest.raises(RuntimeError):
        _capture(FakeEngine(RuntimeError("boom"))).add(FRAME, 0.0)


def test_the_best_and_the_worst_judged_frame_are_known() -> None:
    looks = [unclear(), spoof(0.2), spoof(0.6), spoof(0.1), spoof(0.3), spoof(0.3), spoof(0.3)]
    capture = _capture(FakeEngine(looks))
    _feed(capture, 7)
    best, worst = capture.best(), capture.worst()
    assert best is not None
    assert worst is not None
    assert (best.look.p_live, worst.look.p_live) == (0.6, 0.1)
    assert (best.at, worst.at) == (0.5, 0.75)


def test_without_a_judged_frame_the_last_one_is_kept_as_the_worst() -> None:
    capture = _capture(FakeEngine([unclear(), unclear(Quality.TOO_FAR)]))
    _feed(capture, 4)
    worst = capture.worst()
    assert capture.best() is None
    assert worst is not None
    assert (worst.at, worst.look.reasons) == (0.75, (Quality.TOO_FAR,))


def test_only_so_many_frames_are_held_in_memory() -> None:
    rules = SessionRules(judged=100, live=80, seconds=(1.0, 300.0))
    capture = Capture(FakeEngine(live()), rules, 0.43)
    _feed(capture, 90)
    assert len(capture.shots) <= 24
    assert len(capture.looks) == 90


def test_least_similarity_looks_at_every_pair() -> None:
    assert least_similarity([ALICE]) == 1.0
    assert least_similarity([ALICE, ALICE, MALLORY]) == pytest.approx(float(ALICE @ MALLORY))


def test_an_unclear_frame_pushes_no_judged_one_out() -> None:
    rules = SessionRules(judged=60, live=60, seconds=(1.0, 60.0))
    capture = Capture(FakeEngine([live()] * 30 + [unclear(Quality.BLURRED)] * 5), rules, 0.4)
    _feed(capture, 30)
    held = list(capture.shots)
    _feed(capture, 5)
    assert capture.shots == held
