"""A face in surroundings that it never had."""

import numpy as np
from numpy.random import default_rng

from liveness.engine.crops import Box, CropSpec
from training.fas.augment import STILL
from training.fas.collage import collage
from training.fas.draws import Deck, Recipe
from training.fas.teachers import Cuts, Opinions
from training.tests.synthetic import store

FACE = np.full((200, 200, 3), 250, np.uint8)
GROUND = np.full((300, 400, 3), 5, np.uint8)


def test_the_face_lies_where_the_grounds_face_was() -> None:
    for seed in range(20):
        place = Box(150, 100, 60, 80)
        picture, box = collage(FACE, Box(60, 50, 60, 80), GROUND, place, default_rng(seed))
        assert picture.shape == GROUND.shape
        assert np.allclose(box.centre, place.centre, atol=1)
        x, y, w, h = (round(v) for v in (box.x, box.y, box.w, box.h))
        middle = picture[y + h // 4 : y + 3 * h // 4, x + w // 4 : x + 3 * w // 4]
        assert middle.mean() > 200
        assert picture[:8].max() == picture[:, -8:].max() == 5


def test_neither_face_is_enlarged() -> None:
    picture, box = collage(
        FACE, Box(80, 70, 30, 40), GROUND, Box(100, 50, 120, 160), default_rng(1)
    )
    assert abs(box.side - 40) < 1
    assert picture.shape[1] < GROUND.shape[1]
    _, box = collage(FACE, Box(10, 10, 150, 180), GROUND, Box(180, 120, 30, 40), default_rng(1))
    assert abs(box.side - 40) < 2


def test_a_place_at_the_edge_cuts_the_face_off() -> None:
    picture, box = collage(FACE, Box(60, 50, 60, 80), GROUND, Box(-20, -20, 60, 80), default_rng(1))
    assert box.x < 0
    assert picture.shape == GROUND.shape or picture.shape < GROUND.shape
    assert picture[0, 0].mean() > 5


class Silent:
    names, weights, knows = ("silent",), (1.0,), None

    def cut(self, picture: object, box: object) -> Cuts:
        return ()

    def opinions(self, faces: object) -> Opinions:
        return np.empty((0, 1), np.float32)


def test_nobody_but_the_teachers_knows_what_it_is() -> None:
    recipe = Recipe(simulate=0, moved=1.0, mixed=0, strength=STILL)
    spec = CropSpec((1.0, 4.0), 32)
    draws = [Deck(store(), spec, recipe, Silent()).draw(default_rng(n)) for n in range(4)]
    assert all(np.isnan(draw.live) and len(draw.domains) == 2 for draw in draws)
    alone = Deck(store(), spec, recipe).draw(default_rng(1))
    assert alone.live in (0.0, 1.0)
    assert len(alone.domains) == 1
