import numpy as np
import pytest
import torch
from numpy.random import default_rng

from liveness.engine.crops import CropSpec, patches
from training.fas import augment
from training.fas.augment import Strength
from training.fas.batches import Epoch, Recipe, epoch_batches, mixup, target
from training.tests.synthetic import BOX, store

SPEC = CropSpec((1.0, 2.0, 4.0), 32)
OFF = Strength(
    scale=0, shift=0, light=0, saturation=0, blur=0, shrink=0, noise=0, jpeg=0, drop=0, tight=0
)


def test_without_augmentation_training_sees_what_serving_sees() -> None:
    frames = store()
    draws = Epoch(frames, SPEC, Recipe(samples=8, simulate=0, strength=OFF), 1, 0)
    for position, index in enumerate(draws.draws):
        faces, _ = draws[position]
        served = patches(frames.frames[index], frames.boxes[index], SPEC)
        assert np.array_equal(faces, served) or np.array_equal(faces, served[:, :, ::-1])


def test_a_draw_follows_from_seed_epoch_and_position() -> None:
    def draw(seed: int, epoch: int) -> np.ndarray:
        return Epoch(store(), SPEC, Recipe(samples=4), seed, epoch)[2][0]

    np.testing.assert_array_equal(draw(1, 0), draw(1, 0))
    assert not np.array_equal(draw(1, 0), draw(1, 1))


def test_jitter_stays_within_its_bounds() -> None:
    rng, strength = default_rng(0), Strength()
    for _ in range(200):
        box = augment.jitter(BOX, strength, rng)
        assert 1 / 1.2501 <= box.w / BOX.w <= 1.2501
        assert abs(box.centre[0] - BOX.centre[0]) <= 0.0801 * BOX.side


def test_one_patch_always_survives_patch_dropout() -> None:
    face = np.tile(np.arange(32, dtype=np.uint8)[:, None, None], (3, 1, 32, 3))
    everything = Strength(drop=1.0, light=0, saturation=0, blur=0, shrink=0, noise=0, jpeg=0)
    for seed in range(20):
        kept = augment.shake(face, everything, default_rng(seed))
        assert sum(patch.std() > 0 for patch in kept) == 1


def test_one_light_falls_on_all_patches_of_a_face() -> None:
    face = np.full((3, 16, 16, 3), 90, np.uint8)
    lit = augment.shake(
        face, Strength(light=1, blur=0, shrink=0, noise=0, jpeg=0, drop=0), default_rng(3)
    )
    assert (lit == lit[0, 0, 0]).all()
    assert (lit != 90).any()


def test_tightening_takes_the_context_away_and_keeps_the_face() -> None:
    frame = store().frames[0]
    tight, box = augment.tighten(frame, BOX, default_rng(0))
    assert tight.size < frame.size
    left, top = int(box.x), int(box.y)
    np.testing.assert_array_equal(tight[top, left], frame[int(BOX.y), int(BOX.x)])


def test_batches_are_network_inputs_with_class_probabilities() -> None:
    batches = list(epoch_batches(store(), SPEC, Recipe(samples=20, batch=8), 1, 0))
    assert [tuple(inputs.shape) for inputs, _ in batches] == [(8, 9, 32, 32)] * 2
    for inputs, targets in batches:
        assert 0 <= inputs.min() <= inputs.max() <= 1
        torch.testing.assert_close(targets.sum(1), torch.ones(8))


def test_mixup_blends_inputs_and_targets_alike() -> None:
    inputs = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    mixed, soft = mixup(inputs, targets, Recipe(mixed=1.0), default_rng(0))
    torch.testing.assert_close(mixed.flatten(), soft[:, 1])


@pytest.mark.parametrize(
    ("live", "teacher", "low", "high"),
    [
        (True, None, 1.0, 1.0),
        (False, None, 0.0, 0.0),
        (True, 9.0, 0.99, 1.0),
        (True, -9.0, 0.7, 0.71),
    ],
)
def test_teachers_soften_the_target_by_their_share(
    live: bool, teacher: float | None, low: float, high: float
) -> None:
    assert low <= target(live, teacher, Recipe(distil=0.3)) <= high


def test_simulated_attacks_are_never_bona_fide_targets() -> None:
    frames = store()
    recipe = Recipe(samples=12, simulate=1.0)
    draws = Epoch(frames, SPEC, recipe, 1, 0)
    assert {draws[i][1] for i in range(12)} == {0.0}
