from typing import Any

import numpy as np
import pytest
import torch
from numpy.random import default_rng

from liveness.engine.crops import CropSpec
from training.fas import blend
from training.fas.blend import Blend
from training.fas.source import Batch

SPEC = CropSpec((1.0, 2.0), 16)
FACES = default_rng(0).integers(0, 256, (4, 2, 16, 16, 3), dtype=np.uint8)
LIVE = np.array([1, 0, 1, 0], np.float32)


def one(**changes: Any) -> Batch:
    opinions = np.array([[9.0], [9.0], [np.nan], [-9.0]], np.float32)
    return blend.batch(FACES, LIVE, opinions, (1.0,), SPEC, Blend(**changes), default_rng(1))


def test_a_batch_holds_network_inputs_and_class_probabilities() -> None:
    batch = one()
    assert tuple(batch.inputs.shape) == (4, 6, 16, 16)
    torch.testing.assert_close(batch.targets.sum(1), torch.ones(4))


def test_teachers_soften_the_target_by_their_share_and_a_missing_one_leaves_the_label() -> None:
    chance = one(distil=0.3, smoothing=0, mixed=0).targets[:, 1]
    assert chance.tolist() == pytest.approx([1.0, 0.3, 1.0, 0.0], abs=0.01)


def test_where_nobody_knows_the_label_the_teachers_alone_are_the_target() -> None:
    opinions = np.array([[0.0], [3.0]], np.float32)
    live = np.array([np.nan, 1.0], np.float32)
    chance = blend.targets(live, opinions, (1.0,), Blend(distil=0.5, temperature=1, smoothing=0))
    assert chance.tolist() == pytest.approx([0.5, 0.976], abs=0.001)


def test_smoothing_keeps_targets_from_the_ends() -> None:
    assert one(distil=0, smoothing=0.02, mixed=0).targets[:2, 1].tolist() == pytest.approx(
        [0.98, 0.02]
    )


def test_mixup_blends_inputs_targets_and_teachers_alike() -> None:
    plain = Batch(
        torch.tensor([0.0, 1.0]).view(2, 1, 1, 1),
        torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
        torch.tensor([[-3.0], [3.0]]),
    )
    mixed = blend.mixup(plain, 0.25)
    torch.testing.assert_close(mixed.inputs.flatten(), torch.tensor([0.75, 0.25]))
    torch.testing.assert_close(mixed.targets[:, 1], torch.tensor([0.75, 0.25]))
    expected = 0.25 * torch.sigmoid(torch.tensor(-3.0)) + 0.75 * torch.sigmoid(torch.tensor(3.0))
    torch.testing.assert_close(mixed.teachers[0, 0].sigmoid(), expected)


def test_a_missing_opinion_stays_missing_through_mixup() -> None:
    plain = one(mixed=0)
    assert blend.mixup(plain, 0.5).teachers.isnan().any()


def test_mirroring_turns_whole_faces() -> None:
    batch = one(flip=1.0, mixed=0, drop=0)
    unturned = one(flip=0.0, mixed=0, drop=0)
    torch.testing.assert_close(batch.inputs, unturned.inputs.flip(3))


def test_another_light_is_the_same_for_all_patches_of_a_face_and_stays_in_range() -> None:
    flat = torch.full((2, 6, 4, 4), 0.4)
    lit = blend.lit(flat, 0.3, SPEC, default_rng(1))
    torch.testing.assert_close(lit[:, :3], lit[:, 3:])
    assert lit[0].ne(lit[1]).any()
    bright = blend.lit(torch.ones(8, 6, 4, 4), 1.0, SPEC, default_rng(1))
    assert bright.min() >= 0
    assert bright.max() <= 1


def test_light_is_changed_on_request_alone() -> None:
    assert one(mixed=0).inputs.equal(one(mixed=0, light=0).inputs)
    assert not one(mixed=0).inputs.equal(one(mixed=0, light=0.2).inputs)


def test_the_patches_of_a_batch_are_shrunk_to_sides_that_differ_between_batches() -> None:
    inputs, rng = torch.full((2, 3, 16, 16), 0.5), default_rng(0)
    found = {tuple(blend.shrunk(inputs, 8, rng).shape[2:]) for _ in range(50)}
    assert found == {(8, 8), (12, 12), (16, 16)}
    torch.testing.assert_close(blend.shrunk(inputs, 8, rng).mean(), torch.tensor(0.5))
    assert one(least_size=12).inputs.shape[-1] in (12, 16)
