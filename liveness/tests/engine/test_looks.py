"""The real detector, quality gate, crop and network on public-domain portraits."""

from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from PIL import Image

from liveness.engine import checking, frames
from liveness.engine.checking import Check, Outcome
from liveness.engine.crops import Box
from liveness.engine.faces import NoLandmarksError, similarity
from liveness.engine.look import Engine, open_engine
from liveness.engine.quality import Quality
from liveness.tests.bundles import make_bundle
from liveness.tests.engine.pictures import textured
from liveness.tests.fakes import jpeg

PORTRAITS = Path(settings.BASE_DIR) / "portal" / "demo" / "portraits"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("bundle")
    make_bundle(folder, 0.9)
    return open_engine(folder)


def _portrait(name: str = "collins") -> bytes:
    return (PORTRAITS / f"{name}.jpg").read_bytes()


def test_a_portrait_is_found_judged_and_scored(engine: Engine) -> None:
    look = engine.look(_portrait())
    assert look.judged
    assert look.p_live == pytest.approx(0.9, abs=1e-4)
    assert look.face is not None
    assert look.face.box.iou(Box(271, 132, 181, 235)) > 0.9


def test_a_room_without_a_face_is_not_judged(engine: Engine) -> None:
    look = engine.look(jpeg(640, 480))
    assert (look.face, look.reasons, look.p_live) == (None, (Quality.NO_FACE,), None)


def test_what_fails_the_gate_never_reaches_the_network(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("scored a frame that cannot be judged")

    monkeypatch.setattr(engine.model, "score", refuse)
    dark = frames.decode(_portrait()) // 6
    assert engine.look_at(np.asarray(dark, np.uint8)).reasons == (Quality.TOO_DARK,)


def test_two_pictures_of_one_person_are_more_alike_than_two_people(engine: Engine) -> None:
    def embedding(name: str) -> np.ndarray:
        face = engine.look(_portrait(name)).face
        assert face is not None
        return engine.embed(_portrait(name), face)

    one, same, other = (embedding(name) for name in ("obama-2010", "obama-2012", "collins"))
    assert one.shape == (128,)
    assert np.linalg.norm(one) == pytest.approx(1.0, abs=1e-5)
    assert similarity(one, same) > 0.43 > similarity(one, other)


def test_a_face_without_landmarks_cannot_be_embedded(engine: Engine) -> None:
    look = engine.look_at(frames.decode(_portrait()))
    assert look.face is not None
    with pytest.raises(NoLandmarksError):
        engine.embed(_portrait(), type(look.face)(look.face.box, 0.9))


def test_a_picture_is_checked_at_its_largest_face(engine: Engine) -> None:
    found = checking.check(engine, _portrait())
    assert found.verdict is Outcome.LIVE
    assert found.as_dict()["p_live"] == 0.9


def test_a_given_box_takes_the_face_that_overlaps_it_best(engine: Engine) -> None:
    found = checking.check(engine, _portrait(), Box(250, 120, 200, 250))
    assert found.box is not None
    assert found.box.iou(Box(271, 132, 181, 235)) > 0.9


def test_a_given_box_without_a_face_is_scored_as_it_is(engine: Engine) -> None:
    found = checking.check(engine, frames.encode_jpeg(textured()), Box(200, 150, 120, 140))
    assert (found.verdict, found.box) == (Outcome.LIVE, Box(200, 150, 120, 140))


def test_an_abstention_still_reports_the_score_of_its_face(engine: Engine) -> None:
    found = checking.check(engine, frames.encode_jpeg(textured()), Box(200, 150, 40, 50))
    assert (found.verdict, found.reason) == (Outcome.ABSTAIN, Quality.TOO_FAR)
    assert found.p_live == pytest.approx(0.9, abs=1e-4)


def test_a_box_outside_the_picture_is_an_error_not_an_exception(engine: Engine) -> None:
    box = Box(5000, 5000, 10, 10)
    found = checking.check(engine, _portrait(), box)
    assert found == Check(Outcome.ERROR, reason="bad_box")


def test_pictures_from_files_may_be_png(engine: Engine, tmp_path: Path) -> None:
    with Image.open(PORTRAITS / "collins.jpg") as portrait:
        portrait.save(tmp_path / "face.png")
    assert checking.check(engine, (tmp_path / "face.png").read_bytes()).verdict is Outcome.LIVE
