import numpy as np
from numpy.random import default_rng

from training.fas.recapture import SPECIES, recapture
from training.tests.synthetic import BOX, store


def test_a_recaptured_face_stays_about_where_it_was() -> None:
    frame = store().frames[0]
    for seed in range(30):
        shown, box, species = recapture(frame, BOX, default_rng(seed))
        assert shown.shape == frame.shape
        assert shown.dtype == np.uint8
        assert box.centre == BOX.centre
        assert 0.75 <= box.side / BOX.side <= 1.3
        assert species in SPECIES


def test_the_same_seed_gives_the_same_attack_and_the_original_is_kept() -> None:
    frame = store().frames[0]
    before = frame.copy()
    first, second = (recapture(frame, BOX, default_rng(5))[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(frame, before)


def test_the_face_itself_is_shown_differently() -> None:
    frame = store().frames[0]
    inside = np.s_[60:100, 65:95]
    changes = [
        np.abs(
            recapture(frame, BOX, default_rng(seed))[0][inside].astype(float) - frame[inside]
        ).mean()
        for seed in range(10)
    ]
    assert min(changes) > 1
