import numpy as np
from numpy.random import default_rng

from liveness.engine.crops import CropSpec, patches
from training.fas.augment import STILL
from training.fas.draws import Deck, Recipe, laid_over
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
