"""The clips are what they claim to be, judged by the real detector, quality gate and embedder."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liveness.engine.faces import Embedding, similarity
from liveness.engine.look import Engine, open_engine
from portal.demo import clips
from tests.grid_bundle import make_grid_bundle

NAMES = ("obama-2012", "obama-2010", "biden-2010", "collins")
FRAMES = 8


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return open_engine(make_grid_bundle(tmp_path_factory.mktemp("bundle")))


def _embedding(engine: Engine, name: str) -> Embedding:
    jpeg = clips.live_clip(name, 1)[0]
    face = engine.look(jpeg).face
    assert face is not None
    return engine.embed(jpeg, face)


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_of_a_live_clip_can_be_judged(engine: Engine, name: str) -> None:
    looks = [engine.look(jpeg) for jpeg in clips.live_clip(name, FRAMES)]
    assert [look.reasons for look in looks] == [()] * FRAMES
    assert min(look.p_live or 0 for look in looks) > engine.threshold


@pytest.mark.parametrize("name", NAMES)
def test_the_grid_of_a_recaptured_screen_is_seen_in_every_frame(engine: Engine, name: str) -> None:
    looks = [engine.look(jpeg) for jpeg in clips.recaptured_clip(name, FRAMES)]
    assert [look.reasons for look in looks] == [()] * FRAMES
    assert max(look.p_live or 0 for look in looks) < engine.threshold


def test_two_photographs_of_one_person_match_and_other_people_do_not(engine: Engine) -> None:
    first, second, other, third = (
        _embedding(engine, name) for name in ("obama-2012", "obama-2010", "biden-2010", "collins")
    )
    assert similarity(first, second) > 0.5
    strangers = [similarity(a, b) for a in (first, second) for b in (other, third)]
    assert max(strangers) < 0.3


def test_the_recaptured_person_is_still_recognised(engine: Engine) -> None:
    jpeg = clips.recaptured_clip("obama-2010", 1)[0]
    face = engine.look(jpeg).face
    assert face is not None
    assert similarity(engine.embed(jpeg, face), _embedding(engine, "obama-2012")) > 0.5


def test_a_clip_moves_and_ends_where_it_began() -> None:
    frames = [
        np.asarray(Image.open(io.BytesIO(jpeg)), int) for jpeg in clips.live_clip("collins", 24)
    ]
    steps = [
        float(np.abs(a - b).mean()) for a, b in zip(frames, frames[1:] + frames[:1], strict=True)
    ]
    assert min(steps) > 1
    assert steps[-1] < 2 * float(np.median(steps))


def test_a_clip_is_the_same_every_time_and_another_one_with_another_seed() -> None:
    assert clips.live_clip("collins", 2) == clips.live_clip("collins", 2)
    assert clips.live_clip("collins", 2) != clips.live_clip("collins", 2, seed=1)


def test_an_mjpeg_file_is_its_frames_one_after_the_other(tmp_path: Path) -> None:
    clip = clips.live_clip("collins", 2)
    assert clips.write_mjpeg(clip, tmp_path / "clip.mjpeg").read_bytes() == clip[0] + clip[1]


def test_every_portrait_is_small_and_credited() -> None:
    credits = (clips.PORTRAITS / "CREDITS.md").read_text()
    portraits = sorted(clips.PORTRAITS.glob("*.jpg"))
    assert {path.stem for path in portraits} == set(NAMES)
    assert all(f"`{path.name}`" in credits for path in portraits)
    assert max(path.stat().st_size for path in portraits) < 100_000
    assert not any(Image.open(path).getexif() for path in portraits)
