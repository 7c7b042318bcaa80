import pytest

from liveness.engine import measures
from liveness.engine.capture import Capture, Shot
from liveness.engine.quality import Quality
from liveness.engine.session import SessionRules
from liveness.tests.fakes import BOX, FakeEngine, live, run_capture, unclear


def test_an_attempt_is_measured_by_its_frames() -> None:
    _, capture = run_capture(FakeEngine(live()))
    found = measures.of_capture(capture)
    assert found == {"light": 120, "face": pytest.approx(BOX.h / 240, abs=1e-4), "unjudged": 0}


def test_frames_that_could_not_be_judged_are_counted() -> None:
    _, capture = run_capture(FakeEngine([unclear(), unclear(), live()]))
    found = measures.of_capture(capture)
    assert found is not None
    assert found["unjudged"] == pytest.approx(2 / len(capture.looks), abs=1e-4)


def test_what_no_frame_showed_is_missing() -> None:
    _, capture = run_capture(FakeEngine(unclear(Quality.NO_FACE)))
    assert measures.of_capture(capture) == {"light": None, "face": None, "unjudged": 1}
    assert measures.of_capture(Capture(FakeEngine(), SessionRules(), 0.4)) is None


def test_a_frame_that_cannot_be_read_leaves_the_face_without_a_size() -> None:
    _, capture = run_capture(FakeEngine(live()))
    capture.shots[-1] = Shot(b"broken", live(), 1.0)
    found = measures.of_capture(capture)
    assert found is not None
    assert (found["light"], found["face"]) == (120, None)
