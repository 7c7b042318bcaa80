from dataclasses import replace

import numpy as np
from numpy.random import default_rng

from liveness.engine.crops import Box
from training.fas import augment
from training.fas.augment import STILL, Strength
from training.tests.synthetic import BOX, store


def test_without_strength_nothing_changes() -> None:
    frame = store().frames[0]
    shaken, box = augment.shake(frame, BOX, STILL, default_rng(0))
    np.testing.assert_array_equal(shaken, frame)
    assert box == BOX


def test_a_softer_shake_changes_less_and_moves_boxes_as_before() -> None:
    frame, (hard, soft) = store().frames[0], (Strength(), Strength().softened(0.3))
    assert (soft.scale, soft.shift, soft.flip) == (hard.scale, hard.shift, hard.flip)
    means = []
    for strength in (hard, replace(soft, near=hard.near, far=hard.far)):
        shaken = [augment.toned(frame, strength, default_rng(seed)) for seed in range(60)]
        means.append(np.mean([np.abs(s.astype(int) - frame).mean() for s in shaken]))
    assert means[1] < 0.6 * means[0]
    assert Strength().softened(1.0) == hard


def test_jitter_stays_within_its_bounds() -> None:
    rng = default_rng(0)
    for _ in range(200):
        box = augment.jitter(BOX, 0.25, 0.09, rng)
        assert 1 / 1.2501 <= box.w / BOX.w <= 1.2501
        assert abs(box.centre[0] - BOX.centre[0]) <= 0.2201 * BOX.side


def test_the_box_follows_the_face_through_every_change_of_framing() -> None:
    frame = np.full((160, 160, 3), 40, np.uint8)
    frame[40:120, 50:110] = 200
    still = replace(STILL, near=60, far=40, aspect=0.06, trim=0.6, tight=0.4, flip=0.5)
    for seed in range(40):
        shaken, box = augment.shake(frame, BOX, still, default_rng(seed))
        left, top = max(0, round(box.x) + 2), max(0, round(box.y) + 2)
        inside = shaken[top : round(box.y + box.h) - 2, left : round(box.x + box.w) - 2]
        assert inside.min() > 150


def test_a_mirrored_box_lies_on_the_other_side() -> None:
    frame = store().frames[0]
    flipped, box = augment.mirrored(frame, Box(10, 20, 30, 40))
    assert box == Box(frame.shape[1] - 40, 20, 30, 40)
    np.testing.assert_array_equal(flipped[20, int(box.x)], frame[20, 39])


def test_one_patch_always_survives_patch_dropout() -> None:
    face = np.tile(np.arange(32, dtype=np.uint8)[:, None, None], (3, 1, 32, 3))
    for seed in range(20):
        kept = augment.dropped(face, 1.0, default_rng(seed))
        assert sum(patch.std() > 0 for patch in kept) == 1


def test_tightening_takes_the_surroundings_away_and_keeps_the_face() -> None:
    frame = store().frames[0]
    tight, box = augment.trimmed(frame, BOX, np.full(4, 0.2))
    assert tight.size < frame.size
    left, top = int(box.x), int(box.y)
    np.testing.assert_array_equal(tight[top, left], frame[int(BOX.y), int(BOX.x)])


def test_every_kind_of_change_keeps_the_picture_a_picture() -> None:
    frame = store().frames[0]
    everything = Strength(light=1, saturation=1, slope=1, lens=1, noise=1, jpeg=1)
    for seed in range(30):
        shaken, _ = augment.shake(frame, BOX, everything, default_rng(seed))
        assert shaken.dtype == np.uint8
        assert shaken.ndim == 3
        assert shaken.std() > 0
