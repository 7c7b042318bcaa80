import cv2
import numpy as np
import pytest

from liveness.engine import quality
from liveness.engine.crops import Box
from liveness.engine.faces import Face
from liveness.engine.frames import Picture
from liveness.engine.quality import Quality, QualityLimits
from liveness.tests.engine.pictures import BOX, face, flat, textured


def _reasons(picture: Picture, *faces: Face) -> tuple[Quality, ...]:
    return quality.assess(picture, list(faces), QualityLimits())[0]


def test_a_frontal_face_in_good_light_can_be_judged() -> None:
    assert _reasons(textured(), face()) == ()


def test_what_was_measured_is_returned() -> None:
    _, measures = quality.assess(textured(mean=140), [face()], QualityLimits())
    assert measures is not None
    assert measures.brightness == pytest.approx(140, abs=5)
    assert measures.sharpness > QualityLimits().sharpness


def test_no_face() -> None:
    assert quality.assess(textured(), [], QualityLimits()) == ((Quality.NO_FACE,), None)


def test_too_dark_and_too_bright() -> None:
    assert _reasons(textured(mean=25), face()) == (Quality.TOO_DARK,)
    assert _reasons(textured(mean=245), face()) == (Quality.TOO_BRIGHT,)


def test_blurred() -> None:
    blurred = np.asarray(cv2.GaussianBlur(textured(), (0, 0), 9), np.uint8)
    assert _reasons(blurred, face()) == (Quality.BLURRED,)


def test_darkness_explains_a_lack_of_detail() -> None:
    assert _reasons(flat(value=10), face()) == (Quality.TOO_DARK,)


def test_too_far_and_too_close() -> None:
    assert _reasons(textured(), face(Box(300, 200, 50, 60))) == (Quality.TOO_FAR,)
    assert _reasons(textured(), face(Box(60, 10, 460, 460))) == (Quality.TOO_CLOSE,)


@pytest.mark.parametrize("box", [Box(-30, 150, 120, 150), Box(300, 400, 120, 150)])
def test_cut_off_at_the_edge(box: Box) -> None:
    assert Quality.CUT_OFF in _reasons(textured(), face(box))


def test_a_face_wholly_outside_is_cut_off() -> None:
    assert _reasons(textured(), face(Box(640, 100, 100, 100))) == (Quality.CUT_OFF,)


def test_a_second_face_near_the_camera_but_not_one_far_behind() -> None:
    near, far = face(Box(20, 100, 100, 120)), face(Box(20, 100, 40, 50))
    assert _reasons(textured(), face(), near) == (Quality.MANY_FACES,)
    assert _reasons(textured(), face(), far) == ()


@pytest.mark.parametrize("pose", [{"turn": 0.6}, {"turn": -0.6}, {"tilt": 30}, {"nod": 0.6}])
def test_a_face_that_is_turned_away(pose: dict[str, float]) -> None:
    assert _reasons(textured(), face(BOX, **pose)) == (Quality.NOT_FRONTAL,)


@pytest.mark.parametrize("pose", [{"turn": 0.15}, {"tilt": -10}, {"nod": 0.05}])
def test_a_face_that_is_turned_a_little(pose: dict[str, float]) -> None:
    assert _reasons(textured(), face(BOX, **pose)) == ()


def test_a_detector_without_landmarks_says_nothing_about_the_pose() -> None:
    assert _reasons(textured(), Face(BOX, 0.9)) == ()


def test_landmarks_on_one_spot_are_no_frontal_face() -> None:
    points = np.full((5, 2), 300, np.float32)
    assert _reasons(textured(), Face(BOX, 0.9, points)) == (Quality.NOT_FRONTAL,)


def test_the_most_useful_hint_comes_first() -> None:
    reasons = _reasons(textured(mean=20), face(Box(300, 200, 50, 60), turn=0.9))
    assert reasons == (Quality.TOO_FAR, Quality.TOO_DARK, Quality.NOT_FRONTAL)
