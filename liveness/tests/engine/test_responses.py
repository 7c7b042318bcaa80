"""The regression on numbers made by hand: what explains them, what does not, and what is too little to tell."""

from random import Random

import numpy as np
import pytest

from liveness.engine import hues, response
from liveness.engine.chroma import Sample
from liveness.engine.hues import Challenge
from liveness.engine.relight import shine
from liveness.engine.response import Answer, Evidence, Why

SKIN, WALL = np.array([0.5, 0.3, 0.22]), np.array([0.4, 0.42, 0.38])


def _drawn(seed: int) -> Challenge:
    return hues.draw(chance=Random(seed))


def _seen(
    shown: Challenge,
    *,
    strength: float = 0.2,
    delay: float = 0.1,
    noise: float = 0.002,
    frames: int = 48,
    wall: bool = True,
) -> list[Sample]:
    """Samples of a face that is lit by ``strength`` of the room's light, with a white balance that wanders."""
    rng = np.random.default_rng(3)
    samples = []
    for at in np.linspace(0.02, shown.duration + 0.4, frames):
        light = 1 + strength * shine(shown, at, delay)
        balance = np.exp([0.15 * np.sin(0.7 * at), 0.0, -0.12 * np.sin(0.5 * at)])
        face = SKIN * light * balance * np.exp(rng.normal(0, noise, 3))
        behind = WALL * balance * np.exp(rng.normal(0, noise, 3))
        samples.append(Sample(float(at), face, behind if wall else None))
    return samples


def _judged(samples: list[Sample], challenge: Challenge) -> Evidence:
    sent = [n * challenge.seconds for n in range(len(challenge.colours) + 1)]
    return response.judge(samples, sent, challenge.colours)


@pytest.mark.parametrize("delay", [0.03, 0.12, 0.2, 0.35])
def test_a_face_that_is_lit_by_the_screen_answers_correctly_and_its_delay_is_found(
    delay: float,
) -> None:
    challenge = _drawn(1)
    evidence = _judged(_seen(challenge, delay=delay), challenge)
    assert evidence.answer is Answer.CORRECT
    assert evidence.score > 0.95
    assert evidence.delay == pytest.approx(delay, abs=0.05)


def test_without_a_background_the_face_alone_is_enough_when_the_balance_is_still() -> None:
    challenge = _drawn(1)
    assert _judged(_seen(challenge, wall=False), challenge).answer is Answer.CORRECT


def test_the_light_of_another_sequence_is_a_wrong_answer() -> None:
    answers = [_judged(_seen(_drawn(n)), _drawn(n + 30)).answer for n in range(30)]
    assert Answer.CORRECT not in answers
    assert answers.count(Answer.WRONG) > 25


def test_an_answer_that_comes_too_late_is_none() -> None:
    challenge = _drawn(1)
    assert _judged(_seen(challenge, delay=1.2), challenge).answer is not Answer.CORRECT


def test_a_face_that_answers_nothing_is_no_accusation() -> None:
    challenge = _drawn(1)
    evidence = _judged(_seen(challenge, strength=0.0), challenge)
    assert (evidence.answer, evidence.why) == (Answer.ABSTAIN, Why.TOO_WEAK)


def test_a_bright_room_drowns_the_screen_and_is_no_accusation() -> None:
    challenge = _drawn(1)
    evidence = _judged(_seen(challenge, strength=0.003, noise=0.006), challenge)
    assert (evidence.answer, evidence.why) == (Answer.ABSTAIN, Why.TOO_WEAK)


def test_too_few_frames_say_nothing() -> None:
    challenge = _drawn(1)
    evidence = _judged(_seen(challenge, frames=20), challenge)
    assert (evidence.answer, evidence.why) == (Answer.ABSTAIN, Why.TOO_FEW)
    first_half = [s for s in _seen(challenge, frames=96) if s.at < challenge.duration / 2]
    assert _judged(first_half, challenge).why is Why.TOO_FEW


def test_opposite_light_is_no_answer() -> None:
    challenge = _drawn(1)
    samples = [
        Sample(s.at, WALL * SKIN / s.face, WALL) for s in _seen(challenge) if s.behind is not None
    ]
    assert _judged(samples, challenge).answer is not Answer.CORRECT
