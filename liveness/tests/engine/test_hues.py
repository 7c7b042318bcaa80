"""The colours are gentle, and nobody can foresee them."""

import re
from random import Random, SystemRandom

import numpy as np
import pytest

from liveness.engine import hues
from liveness.engine.hues import Challenge

WEIGHTS = (0.2126, 0.7152, 0.0722)


@pytest.mark.parametrize("_", range(20))
def test_what_is_drawn_is_gentle_to_the_eyes(_: int) -> None:
    challenge = hues.draw()
    assert hues.discomforts(challenge) == []
    assert len(challenge.colours) == hues.STEPS
    assert all(a != b for a, b in zip(challenge.colours, challenge.colours[1:], strict=False))


def test_all_colours_have_the_luminance_of_the_grey_between_them() -> None:
    light = hues.light_of([*hues.HUES, hues.NEUTRAL])
    np.testing.assert_allclose(light @ WEIGHTS, hues.LUMINANCE, atol=0.005)
    assert len(set(hues.HUES)) == 8
    assert all(re.fullmatch("#[0-9a-f]{6}", hue) for hue in hues.HUES)


@pytest.mark.parametrize(
    ("colours", "seconds", "trouble"),
    [
        (("#ff0000", "#ffffff"), 0.5, "saturated red"),
        (("#000000", "#cccccc"), 0.5, "luminance"),
        (hues.HUES, 0.2, "5.0 changes a second"),
    ],
)
def test_what_could_hurt_is_named(colours: tuple[str, ...], seconds: float, trouble: str) -> None:
    assert trouble in "; ".join(hues.discomforts(Challenge(colours, seconds)))


def test_two_draws_are_not_alike() -> None:
    assert len({hues.draw().colours for _ in range(50)}) == 50


def test_decoys_are_sequences_like_those_that_are_drawn() -> None:
    found = hues.decoys(100, np.random.default_rng(1))
    known = {tuple(light) for light in hues.light_of(hues.HUES)}
    assert found.shape == (100, hues.STEPS, 3)
    assert {tuple(light) for light in found.reshape(-1, 3)} == known
    assert (np.abs(np.diff(found, axis=1)).max(axis=2) > 0).all()


def test_what_a_face_has_to_answer_is_drawn_from_the_systems_secret_source() -> None:
    assert isinstance(hues._SECRET, SystemRandom)
    assert hues.draw(chance=Random(1)) == hues.draw(chance=Random(1)) != hues.draw(chance=Random(2))
