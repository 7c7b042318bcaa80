"""The whole ImageNet network as a teacher whose last layer a run fits itself."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from liveness.engine import weights
from liveness.engine.crops import CropSpec
from training.fas import deep, imagenet, views
from training.fas.blend import Blend
from training.fas.deep import Teacher
from training.fas.draws import Deck, Recipe
from training.fas.nets import pool
from training.fas.views import Maker, Views, ViewsError, ViewSource
from training.tests import efficientnet
from training.tests.synthetic import store

SPEC = CropSpec((1.0, 2.0), 32, border="inside")
PLAIN = Blend(distil=0.5, temperature=1.0, smoothing=0, mixed=0, drop=0, flip=0)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Views:
    monkeypatch.setattr(views, "SHARD", 64)
    deck = Deck(store(), SPEC, Recipe(mixed=0))
    return Maker(tmp_path, deck, jobs=1, say=lambda _: None).run(128)


def silent(line: str) -> None:
    pass


def test_it_sees_what_the_published_network_sees() -> None:
    data = io.BytesIO(weights.read(imagenet.PUBLISHED))
    saved: dict[str, Any] = torch.load(data, weights_only=True)
    faces = np.random.default_rng(1).integers(0, 256, (2, 1, 104, 104, 3), np.uint8)
    faces[:, :, :, :52] //= 2
    faces[:, :, :, :52] += 128
    pixels = torch.from_numpy(faces[:, 0, :, :, ::-1].copy()).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        blocks = efficientnet.blocks(saved, (pixels - 127) / 128)
        expected = torch.cat([pool(blocks[n]) for n in (2, 4, 7, 8, 11, 15)], dim=1)
    found = torch.from_numpy(deep.Deep().maps(faces).astype(np.float32))
    assert found.shape == (2, deep.WIDTH)
    torch.testing.assert_close(found, expected, atol=2e-2, rtol=2e-3)
    assert expected[:, -960:].std() > 0.1


def test_what_was_seen_is_kept_and_only_what_is_missing_is_looked_at(made: Views) -> None:
    said: list[str] = []
    deep.fill(made, 2, said.append)
    kept = [np.load(path.with_suffix(".deep")) for path, _ in made.shards]
    assert [part.shape for part in kept] == [(64, 2 * deep.WIDTH)] * 2
    rows = made.rows(np.array([70, 71]))
    np.testing.assert_allclose(kept[1][6:8], deep.Deep().maps(rows.patches), atol=0.05, rtol=0.01)
    first, second = (path.with_suffix(".deep") for path, _ in made.shards)
    before = first.stat().st_mtime_ns
    second.unlink()
    deep.fill(made, 1, said.append)
    assert first.stat().st_mtime_ns == before
    np.testing.assert_allclose(np.load(second), kept[1], atol=0.05, rtol=0.01)
    assert said[-1] == "1 of 1 shards seen by the whole ImageNet network."
    assert len(Views(made.folder)) == 128


def test_no_room_is_said_in_words(made: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(deep, "_keep", full)
    with pytest.raises(ViewsError, match=r"cannot be written.*No space left"):
        deep.fill(made, 1, silent)


def seen(made: Views, maps: Sequence[np.ndarray[Any, Any]]) -> None:
    for (path, _), part in zip(made.shards, maps, strict=True):
        with path.with_suffix(".deep").open("wb") as file:
            np.save(file, part.astype(np.float16))


def telling(made: Views) -> np.ndarray[Any, Any]:
    """Maps (128, 3) whose first number is the label, and whose others are noise."""
    noise = np.random.default_rng(2).normal(0, 1, (len(made), 3))
    noise[:, 0] = made.live + 0.1 * noise[:, 0]
    return noise


def test_the_last_layer_is_fitted_to_what_a_run_may_learn_from(made: Views) -> None:
    maps = telling(made)
    eligible = made.without(["a"])
    assert 0 < len(eligible) < len(made)
    seen(made, np.split(maps, 2))
    said = Teacher(1.0).opinions(made, eligible)
    assert said.shape == (128, 1)
    live = made.live[eligible] == 1
    assert said[eligible, 0][live].min() > said[eligible, 0][~live].max()
    others = np.setdiff1d(np.arange(128), eligible)
    assert np.isnan(said[others]).all()
    # What is held out teaches nothing: neither its labels nor what is seen in it.
    maps[others] = 50
    made.live[others] = 1 - made.live[others]
    seen(made, np.split(maps, 2))
    np.testing.assert_array_equal(Teacher(1.0).opinions(made, eligible), said)


def test_views_without_a_label_are_judged_and_not_learnt_from(made: Views) -> None:
    maps = telling(made)
    seen(made, np.split(maps, 2))
    unknown = np.arange(0, 128, 3)
    truth = made.live[unknown] == 1
    made.live[unknown] = np.nan
    said = Teacher(1.0).opinions(made, np.arange(128))[unknown, 0]
    assert said[truth].min() > said[~truth].max()


def test_its_opinion_is_one_more_of_the_teachers(made: Views) -> None:
    seen(made, np.split(telling(made), 2))
    source = ViewSource(made, 32, PLAIN, ["a"], Teacher(0.5))
    assert source.teachers == 1
    said = Teacher(0.5).opinions(made, source.eligible)
    indices = views.order(source.eligible, 32, 1, 0)
    for number, batch in enumerate(source.batches(1, 0, 8)):
        rows = indices[8 * number : 8 * number + 8]
        np.testing.assert_array_equal(batch.teachers.numpy(), said[rows])
        opinion = 1 / (1 + np.exp(-0.5 * said[rows, 0]))
        expected = 0.5 * made.live[rows] + 0.5 * opinion
        np.testing.assert_allclose(batch.targets[:, 1].numpy(), expected, atol=1e-5)


def test_views_that_were_made_without_it_are_named(made: Views) -> None:
    with pytest.raises(ViewsError, match=r"0000\.deep is missing: make_views adds it with --deep"):
        Teacher(1.0).opinions(made, np.arange(128))
    for path, _ in made.shards:
        path.with_suffix(".deep").write_bytes(b"no")
    with pytest.raises(ViewsError, match="is damaged"):
        Teacher(1.0).opinions(made, np.arange(128))
