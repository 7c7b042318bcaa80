import numpy as np
from numpy.random import default_rng

from liveness.engine.crops import Box
from training.fas.hands import fingers

FACE = Box(60, 50, 80, 100)
SKIN = np.array([90.0, 120.0, 180.0])
SCENE = np.full((240, 200, 3), 200, np.uint8)


def _changed(seed: int, box: Box = FACE) -> np.ndarray:
    drawn = fingers(SCENE, box, (0.65, 0.75), SKIN, default_rng(seed))
    assert drawn.shape == SCENE.shape
    assert drawn.dtype == np.uint8
    return np.asarray((drawn != SCENE).any(axis=2))


def test_fingers_reach_over_an_edge_and_leave_most_of_the_face_alone() -> None:
    for seed in range(20):
        changed = _changed(seed)
        assert changed.any()
        assert changed[85:115, 85:115].mean() < 0.5
        assert changed.mean() < 0.4


def test_they_are_round_and_throw_a_shadow() -> None:
    drawn = fingers(SCENE, FACE, (0.65, 0.75), SKIN, default_rng(1)).astype(float)
    reddish = drawn[..., 2] - drawn[..., 0] > 40
    assert reddish.any()
    assert drawn[reddish].std(axis=0).max() > 5
    grey = np.ptp(drawn, axis=2) < 2
    assert (drawn[grey].mean(axis=1) < 195).any()


def test_a_hand_beyond_the_picture_is_not_drawn() -> None:
    assert not _changed(3, Box(-900, -900, 80, 100)).any()
    assert (SCENE == 200).all()
