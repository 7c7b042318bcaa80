from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from liveness.engine.crops import Box, CropSpec, patches
from liveness.engine.frames import Picture
from training.fas.augment import STILL
from training.fas.draws import PORTRAITS, Deck, Recipe, laid_over, opinions
from training.tests.synthetic import store

SPEC = CropSpec((1.0, 2.0, 4.0), 32)
ALONE = Recipe(simulate=0, mixed=0, strength=STILL)


def test_without_augmentation_training_sees_what_serving_sees() -> None:
    frames = store()
    served = [patches(frames.frames[i], frames.boxes[i], SPEC) for i in range(len(frames))]
    for seed in range(8):
        drawn = Deck(frames, SPEC, ALONE).draw(default_rng(seed)).patches
        assert any(np.array_equal(drawn, each) for each in served)


def test_a_draw_follows_from_its_generator() -> None:
    deck = Deck(store(), SPEC, Recipe())
    first, again, other = (deck.draw(default_rng(seed)).patches for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_simulated_attacks_are_never_bona_fide() -> None:
    deck = Deck(store(), SPEC, Recipe(simulate=1.0, mixed=0))
    draws = [deck.draw(default_rng(seed)) for seed in range(12)]
    assert {draw.live for draw in draws} == {0.0}
    assert any(draw.simulated for draw in draws)


def test_two_faces_laid_over_each_other_keep_both_origins() -> None:
    deck = Deck(store(), SPEC, ALONE)
    one, other = (deck.draw(default_rng(seed)) for seed in (1, 4))
    both = laid_over(one, other, 0.25)
    assert both.live == 0.25 * one.live + 0.75 * other.live
    assert both.domains == (*one.domains, *other.domains)
    expected = 0.25 * one.patches.astype(float) + 0.75 * other.patches
    assert np.abs(both.patches - expected).max() <= 0.51


def test_a_simulated_attack_names_the_camera_whose_face_it_shows() -> None:
    frames = store()
    deck = Deck(frames, SPEC, Recipe(simulate=1.0, mixed=0, strength=STILL))
    draws = [deck.draw(default_rng(seed)) for seed in range(40)]
    shown = [draw.domains for draw in draws if draw.simulated]
    assert all(len(domains) == 2 for domains in shown)
    assert any(scene != face for scene, face in shown)
    assert all(len(draw.domains) == 1 for draw in draws if not draw.simulated)


def test_a_plain_draw_is_one_frame_of_a_camera_with_its_truth_and_no_teacher() -> None:
    frames = store()
    samples = frames.samples
    samples[0] = replace(samples[0], domain=PORTRAITS)
    deck = Deck(frames, SPEC, Recipe(plain=1.0, simulate=1.0, mixed=1.0), Doubter())
    draws = [deck.draw(default_rng(seed)) for seed in range(40)]
    assert {draw.live for draw in draws} == {0.0, 1.0}
    assert {len(draw.domains) for draw in draws} == {1}
    assert (PORTRAITS,) not in {draw.domains for draw in draws}
    assert not any(draw.simulated for draw in draws)
    assert np.isnan(opinions(deck.teachers, draws)).all()


def test_only_faces_that_teachers_look_at_have_opinions() -> None:
    deck = Deck(store(), SPEC, Recipe(plain=0.5), Doubter())
    draws = [deck.draw(default_rng(seed)) for seed in range(20)]
    said = opinions(deck.teachers, draws)[:, 0]
    assert [bool(draw.cuts) for draw in draws] == (said == 0.5).tolist()
    assert 0 < np.isnan(said).sum() < 20


def test_the_predecessors_are_not_asked_about_masks() -> None:
    frames = store()
    for n, sample in enumerate(frames.samples):
        frames.samples[n] = sample if sample.live else replace(sample, species="mask")
    recipe = Recipe(simulate=0, moved=1.0, mixed=1.0, strength=STILL)
    draws = [Deck(frames, SPEC, recipe, Doubter()).draw(default_rng(seed)) for seed in range(40)]
    masks = [draw for draw in draws if not draw.cuts]
    assert 5 < len(masks) < 35
    assert {draw.live for draw in masks} == {0.0}
    assert all(np.isnan(draw.live) for draw in draws if draw.cuts)


class Doubter:
    """A teacher that thinks the same of every face."""

    names, weights, knows = ("doubter",), (1.0,), None

    def cut(self, picture: Picture, box: Box) -> tuple[NDArray[np.uint8], ...]:
        return (picture[:8, :8],)

    def opinions(self, faces: Sequence[tuple[NDArray[np.uint8], ...]]) -> NDArray[np.float32]:
        return np.full((len(faces), 1), 0.5, np.float32)
