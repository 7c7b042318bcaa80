"""Properties of the attempt's state machine, on scripted and on random looks."""

import random

import pytest

from liveness.engine.look import Look
from liveness.engine.quality import Quality
from liveness.engine.session import Decision, Reason, Session, SessionRules, Verdict
from liveness.tests.fakes import THRESHOLD, live, spoof, unclear

RULES = SessionRules(judged=6, live=4, seconds=(1.0, 30.0), frames=60)


def _run(looks: list[Look], every: float = 0.25, rules: SessionRules = RULES) -> Decision:
    """Feed looks until there is a verdict; the last decision otherwise."""
    session = Session(THRESHOLD, rules)
    decision = Decision(Verdict.MORE)
    for n, look in enumerate(looks):
        decision = session.add(look, n * every)
        if decision.verdict is not Verdict.MORE:
            break
    return decision


def _random_looks(rng: random.Random, count: int = 80) -> list[Look]:
    kinds = [lambda: live(rng.uniform(0.0, 1.0)), lambda: unclear(rng.choice(list(Quality)))]
    return [rng.choice(kinds)() for _ in range(count)]


def test_enough_live_frames_pass() -> None:
    assert _run([live()] * 6) == Decision(Verdict.PASS, None, 1.0)


def test_spoofed_frames_fail() -> None:
    assert _run([spoof()] * 6) == Decision(Verdict.FAIL, Reason.SPOOF, 1.0)


def test_five_frames_decide_nothing() -> None:
    assert _run([live()] * 5).verdict is Verdict.MORE


def test_an_attempt_takes_its_shortest_time() -> None:
    assert _run([live()] * 6, every=0.1).verdict is Verdict.MORE
    assert _run([live()] * 12, every=0.1).verdict is Verdict.PASS


def test_frames_that_cannot_be_judged_count_neither_way() -> None:
    dark = unclear(Quality.TOO_DARK)
    assert _run([dark] * 5 + [live()] * 6).verdict is Verdict.PASS
    assert _run([dark] * 5 + [spoof()] * 6).verdict is Verdict.FAIL


def test_a_frame_with_a_score_and_a_reason_is_not_judged() -> None:
    contradictory = Look(live().face, (Quality.BLURRED,), p_live=0.99)
    assert _run([contradictory] * 20).verdict is Verdict.MORE


def test_the_hint_is_the_first_reason_of_the_frame() -> None:
    decision = _run([unclear(Quality.TOO_FAR, Quality.TOO_DARK)])
    assert decision == Decision(Verdict.MORE, Quality.TOO_FAR, 0.0)


def test_progress_grows_with_judged_frames_alone() -> None:
    assert _run([live()] * 3).progress == 0.5
    assert _run([unclear()] * 3).progress == 0.0


def test_too_many_frames_abstain_with_the_commonest_trouble() -> None:
    looks = [unclear(Quality.TOO_DARK)] * 40 + [unclear(Quality.BLURRED)] * 20
    assert _run(looks) == Decision(Verdict.ABSTAIN, Quality.TOO_DARK, 0.0)


def test_too_much_time_abstains() -> None:
    assert _run([live()] * 5, every=9.0).verdict is Verdict.ABSTAIN


def test_a_deadline_without_any_frame_has_a_reason() -> None:
    assert Session(THRESHOLD, RULES).expire() == Decision(Verdict.ABSTAIN, Reason.TIMED_OUT, 0.0)


def test_nothing_is_added_after_the_end() -> None:
    session = Session(THRESHOLD, RULES)
    session.expire()
    with pytest.raises(ValueError, match="ended"):
        session.add(live(), 1.0)


def test_one_brilliant_frame_does_not_save_an_attempt() -> None:
    assert _run([spoof(0.3)] * 5 + [live(1.0)]).reason is Reason.SPOOF


def test_one_terrible_frame_does_not_ruin_an_attempt() -> None:
    assert _run([live(0.99)] * 5 + [spoof(0.0)]).verdict is Verdict.PASS


def test_half_the_frames_live_are_not_enough() -> None:
    assert _run([live(0.999), spoof(0.6)] * 3).verdict is Verdict.FAIL


@pytest.mark.parametrize("seed", range(40))
def test_spoofed_frames_are_never_forgotten(seed: int) -> None:
    """Best-of-N is impossible: whatever else comes, a face that scores under the threshold too often never passes."""
    rng = random.Random(seed)
    looks = _random_looks(rng)
    decision = _run(looks)
    judged = [look.p_live for look in looks if look.judged][:6]
    live_ones = sum(p is not None and p >= THRESHOLD for p in judged)
    if decision.verdict is Verdict.PASS:
        assert live_ones >= 4
    if live_ones < 4:
        assert decision.verdict is not Verdict.PASS


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_the_frames_does_not_change_the_pooled_score(seed: int) -> None:
    rng = random.Random(seed)
    looks = [live(rng.random()) for _ in range(6)]
    pooled = []
    for order in (looks, looks[::-1]):
        session = Session(THRESHOLD, RULES)
        for n, look in enumerate(order):
            session.add(look, n * 0.25)
        pooled.append(session.pooled)
    assert pooled[0] == pytest.approx(pooled[1])


@pytest.mark.parametrize("seed", range(20))
def test_a_better_frame_never_turns_a_pass_into_a_refusal(seed: int) -> None:
    rng = random.Random(seed)
    scores = [rng.uniform(0.4, 1.0) for _ in range(6)]
    better = [min(1.0, score + rng.uniform(0.0, 0.2)) for score in scores]
    if _run([live(p) for p in scores]).verdict is Verdict.PASS:
        assert _run([live(p) for p in better]).verdict is Verdict.PASS


def test_the_pooled_score_is_bounded_however_sure_the_frames_are() -> None:
    session = Session(THRESHOLD, RULES)
    for n in range(6):
        session.add(live(1.0), n * 0.1)
    assert session.pooled == pytest.approx(0.982, abs=0.001)
    assert session.scores == (1.0,) * 6


def _banded(scores: list[float], band: tuple[float, float] = (0.6, 0.8)) -> Decision:
    session = Session(THRESHOLD, RULES, band)
    decision = Decision(Verdict.MORE)
    for n, score in enumerate(scores):
        decision = session.add(live(score), n * 0.25)
        if decision.verdict is not Verdict.MORE:
            break
    return decision


def test_evidence_inside_the_band_asks_for_more_frames() -> None:
    assert _banded([0.75] * 11).verdict is Verdict.MORE
    assert _banded([0.75] * 12) == Decision(Verdict.ABSTAIN, Reason.UNDECIDED, 1.0)


def test_further_frames_can_decide_either_way() -> None:
    assert _banded([0.75] * 6 + [0.95] * 6) == Decision(Verdict.PASS, None, 1.0)
    assert _banded([0.75] * 6 + [0.2] * 6) == Decision(Verdict.FAIL, Reason.SPOOF, 1.0)


@pytest.mark.parametrize(("score", "verdict"), [(0.85, Verdict.PASS), (0.5, Verdict.FAIL)])
def test_evidence_outside_the_band_decides_at_once(score: float, verdict: Verdict) -> None:
    assert _banded([score] * 6).verdict is verdict


def test_a_deadline_inside_the_band_is_undecided() -> None:
    session = Session(THRESHOLD, RULES, (0.6, 0.8))
    for n in range(8):
        session.add(live(0.75), n * 0.25)
    assert session.expire().reason is Reason.UNDECIDED


@pytest.mark.parametrize("seed", range(20))
def test_a_band_never_lets_in_what_the_threshold_alone_keeps_out(seed: int) -> None:
    rng = random.Random(seed)
    scores = [rng.uniform(0.3, 1.0) for _ in range(6)]
    if _banded(scores, (0.6, 0.8)).verdict is Verdict.PASS:
        assert _run([live(p) for p in scores]).verdict is Verdict.PASS
