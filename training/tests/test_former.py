"""Learning without forgetting: the old network says what it thinks of the cameras it knows, and of those alone."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.random import default_rng

from liveness.engine.crops import Box
from liveness.engine.frames import Picture
from training.fas.augment import STILL
from training.fas.data import weights
from training.fas.draws import Deck, Draw, Recipe, opinions
from training.fas.former import Former
from training.fas.nets import TrainingNet
from training.fas.starts import Start
from training.fas.teachers import Cuts, Opinions
from training.tests.synthetic import sample, store
from training.tests.toys import CROP, NET

ALONE = Recipe(simulate=0, mixed=0, strength=STILL)


def former(*domains: str, teachers: int = 0) -> tuple[Former, TrainingNet]:
    torch.manual_seed(3)
    net = TrainingNet(NET, teachers).eval()
    return Former(Start(None, net.state_dict(), domains), NET, CROP), net  # type: ignore[arg-type]


def test_it_judges_the_very_patches_that_the_student_learns_from() -> None:
    teacher, net = former("a", "b", "c", "d")
    draws = [Deck(store(), CROP, Recipe(), teacher).draw(default_rng(seed)) for seed in range(4)]
    for draw in draws:
        np.testing.assert_array_equal(draw.cuts[0], draw.patches)
    faces = np.stack([draw.patches for draw in draws]).transpose(0, 1, 4, 2, 3)
    with torch.inference_mode():
        logits = net.net(torch.from_numpy(faces.reshape(4, 6, 32, 32).astype(np.float32) / 255))
    said = opinions(teacher, [replace(draw, live=np.nan) for draw in draws])
    np.testing.assert_allclose(said[:, 0], (logits[:, 1] - logits[:, 0]).numpy(), atol=1e-4)


def test_heads_for_other_teachers_do_not_matter() -> None:
    teacher, _ = former("a", teachers=3)
    assert teacher.names == ("before",)


def test_it_is_not_asked_about_a_camera_that_it_never_saw() -> None:
    frames = store()
    domains = sorted({each.domain for each in frames.samples})
    teacher, _ = former(domains[0])
    drawn = [Deck(frames, CROP, ALONE, teacher).draw(default_rng(seed)) for seed in range(12)]
    draws = [replace(draw, live=np.nan) for draw in drawn]
    said = opinions(teacher, draws)[:, 0]
    assert [bool(np.isnan(each)) for each in said] == [
        draw.domains != (domains[0],) for draw in draws
    ]
    assert 0 < np.isnan(said).sum() < len(said)


def test_it_is_not_asked_where_it_is_wrong() -> None:
    patches = np.zeros((2, 32, 32, 3), np.uint8)
    lives = (1.0, 1.0, 0.0, 0.0, 0.4, np.nan)
    draws = [Draw(patches, live, ("a",), False, (patches,)) for live in lives]
    teacher = Wavering("a", [True, True, False, True, True, True])
    found = [None if np.isnan(each) else float(each) for each in opinions(teacher, draws)[:, 0]]
    assert found == [None, 6.0, -6.0, None, 6.0, 6.0]


def test_cameras_that_it_does_not_know_are_drawn_more_often() -> None:
    samples = [sample(name, live) for name in "abc" for live in (True, False)]
    plain, strange = weights(samples), weights(samples, {"a", "b"}, 4.0)
    np.testing.assert_allclose(plain, 1 / 6)
    np.testing.assert_allclose(strange, [1 / 12] * 4 + [4 / 12] * 2)


class Wavering:
    """Knows one camera, is sure of its frames, but for the first."""

    names, weights = ("wavering",), (1.0,)

    def __init__(self, knows: str, live: Sequence[bool]) -> None:
        self.knows = frozenset({knows})
        self._said = np.where(live, 6.0, -6.0).astype(np.float32)[:, None]
        self._said[0] *= -1

    def cut(self, picture: Picture, box: Box) -> Cuts:
        return ()

    def opinions(self, faces: Sequence[Cuts]) -> Opinions:
        return self._said[: len(faces)]


def test_a_frame_that_it_is_not_sure_of_is_drawn_more_often_and_its_camera_is_not() -> None:
    frames = store()
    known = frames.samples[0].domain
    mine = [n for n, each in enumerate(frames.samples) if each.domain == known]
    teacher = Wavering(known, [frames.samples[n].live for n in mine])
    plain, moved = (
        Deck(frames, CROP, replace(ALONE, doubtful=doubtful), teacher).chances
        for doubtful in (0.0, 8.0)
    )
    cell = [n for n in mine if frames.samples[n].live == frames.samples[0].live]
    rest = [n for n in range(len(frames)) if n not in cell]
    assert len(cell) > 1
    assert moved[0] == pytest.approx(9 * moved[cell[1]], rel=0.01)
    assert moved[cell].sum() == pytest.approx(plain[cell].sum())
    np.testing.assert_allclose(moved[rest], plain[rest])
