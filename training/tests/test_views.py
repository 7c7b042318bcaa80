import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.random import default_rng

from liveness.engine.crops import Box, CropSpec
from liveness.engine.frames import Picture
from training.fas import views
from training.fas.blend import Blend
from training.fas.draws import Deck, Recipe
from training.fas.teachers import Cuts, Opinions
from training.fas.views import Maker, Views, ViewsError, ViewSource
from training.tests.synthetic import store

SPEC = CropSpec((1.0, 2.0), 32, border="inside")
PLAIN = Blend(distil=0, smoothing=0, mixed=0, drop=0, flip=0)


class Bright:
    """A teacher who calls bright faces live."""

    names = ("bright",)
    weights = (1.0,)
    knows = None

    def cut(self, picture: Picture, box: Box) -> Cuts:
        return (np.full((1, 1, 3), picture.mean(), np.uint8),)

    def opinions(self, faces: Sequence[Cuts]) -> Opinions:
        return np.array([[cut[0].mean() - 100] for cut in faces], np.float32)


@pytest.fixture
def deck(monkeypatch: pytest.MonkeyPatch) -> Deck:
    monkeypatch.setattr(views, "SHARD", 64)
    return Deck(store(), SPEC, Recipe(), Bright())


def make(folder: Path, deck: Deck, count: int = 128) -> Views:
    return Maker(folder, deck, jobs=1, say=lambda _: None).run(count)


def test_views_keep_what_was_drawn_and_what_the_teacher_said(tmp_path: Path, deck: Deck) -> None:
    made = make(tmp_path, deck)
    assert len(made) == 128
    draw = deck.draw(default_rng((1, 1, 5)))
    row = made.rows(np.array([64 + 5]))
    np.testing.assert_array_equal(row.patches[0], draw.patches)
    assert row.live[0] == pytest.approx(draw.live)
    assert row.opinions[0] == Bright().opinions([draw.cuts])[0]


def test_an_interrupted_making_goes_on_to_the_same_views(tmp_path: Path, deck: Deck) -> None:
    make(tmp_path / "whole", deck)
    make(tmp_path / "parts", deck, 64)
    made = make(tmp_path / "parts", deck)
    indices = np.arange(128)
    expected = Views(tmp_path / "whole").rows(indices)
    np.testing.assert_array_equal(made.rows(indices).patches, expected.patches)


def test_a_folder_is_not_continued_with_another_recipe(tmp_path: Path, deck: Deck) -> None:
    make(tmp_path, deck, 64)
    other = Deck(deck.store, SPEC, Recipe(simulate=0.9), Bright())
    with pytest.raises(ViewsError, match="other data, crop or recipe"):
        make(tmp_path, other)


def test_a_held_out_camera_is_in_no_half_of_any_view(tmp_path: Path, deck: Deck) -> None:
    made = make(tmp_path, deck)
    camera = made.facts["domains"][0]
    left = made.without([camera])
    assert 0 < len(left) < len(made)
    assert 0 not in made.domains[left]


def test_a_source_without_any_view_left_says_so(tmp_path: Path, deck: Deck) -> None:
    made = make(tmp_path, deck, 64)
    with pytest.raises(ViewsError, match="no view without"):
        ViewSource(made, 8, PLAIN, made.facts["domains"])


def test_ranks_share_a_batch_between_them(tmp_path: Path, deck: Deck) -> None:
    source = ViewSource(make(tmp_path, deck), 32, PLAIN)
    whole = next(source.batches(1, 0, 8))
    halves = [next(source.batches(1, 0, 8, rank=rank, world=2)) for rank in (0, 1)]
    for rank, half in enumerate(halves):
        for part, all_of_it in zip(half, whole, strict=True):
            torch.testing.assert_close(part, all_of_it[rank::2], rtol=0, atol=0, equal_nan=True)


def test_a_resumed_epoch_goes_on_with_the_same_batches(tmp_path: Path, deck: Deck) -> None:
    source = ViewSource(make(tmp_path, deck), 32, Blend())
    later = list(source.batches(1, 3, 8))[2:]
    for resumed, expected in zip(source.batches(1, 3, 8, start=2), later, strict=True):
        assert resumed.inputs.equal(expected.inputs)


def test_every_view_is_seen_once_before_any_is_seen_twice() -> None:
    eligible = np.arange(10)
    drawn = np.concatenate([views.order(eligible, 4, 1, epoch) for epoch in range(5)])
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))


def test_a_damaged_shard_is_named(tmp_path: Path, deck: Deck) -> None:
    make(tmp_path, deck, 64)
    (tmp_path / "0000.npz").write_bytes(b"no")
    with pytest.raises(ViewsError, match="damaged shard"):
        Views(tmp_path)


def test_an_empty_or_foreign_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ViewsError, match="cannot be read"):
        Views(tmp_path)
    (tmp_path / "views.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(ViewsError, match="not a description"):
        Views(tmp_path)
