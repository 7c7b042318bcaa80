import numpy as np
from numpy.random import default_rng

from liveness.engine.crops import Box
from training.fas.cut_outs import cut_out, shaded

FACE = Box(60, 50, 80, 100)


def _paper() -> np.ndarray:
    return np.full((200, 200, 3), 120, np.float32)


def test_the_face_is_left_and_the_corners_are_cut_off() -> None:
    for seed in range(20):
        paper, solid = cut_out(_paper(), FACE, default_rng(seed), holes=False)
        assert paper.shape == (200, 200, 3)
        assert solid[80:120, 85:115].min() == 255
        assert max(solid[0, 0], solid[0, -1], solid[-1, 0], solid[-1, -1]) == 0


def test_a_mask_mostly_has_holes_through_which_the_wearer_shows() -> None:
    def pierced(seed: int) -> bool:
        _, solid = cut_out(_paper(), FACE, default_rng(seed), holes=True)
        return bool((solid[70:140, 75:125] < 128).any())

    assert sum(pierced(seed) for seed in range(30)) > 20


def test_paper_has_rims_folds_and_a_darker_side() -> None:
    looks = [cut_out(_paper(), FACE, default_rng(seed), holes=False)[0] for seed in range(20)]
    assert np.mean([look[60:140, 70:130].std() > 2 for look in looks]) > 0.7
    assert all(np.isfinite(look).all() for look in looks)


def test_a_shadow_only_darkens() -> None:
    scene = np.full((200, 200, 3), 200, np.uint8)
    solid = np.zeros((200, 200), np.uint8)
    solid[60:140, 60:140] = 255
    shadows = [shaded(scene, solid, 80, default_rng(seed)) for seed in range(10)]
    assert max(shadow.max() for shadow in shadows) <= 200
    assert max(shadow[100, 100].max() for shadow in shadows) < 200
