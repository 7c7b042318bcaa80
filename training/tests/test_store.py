from pathlib import Path

import numpy as np
import pytest

from liveness.engine.crops import Box, CropSpec, patches
from liveness.engine.faces import Face
from liveness.engine.frames import Picture, encode_jpeg
from training.fas import store
from training.tests.synthetic import BOX, NoFaces, picture, sample


class Fixed:
    """A detector that always finds the same boxes, and counts its calls."""

    def __init__(self, *boxes: Box) -> None:
        self.boxes, self.calls = boxes, 0

    def detect(self, picture: Picture) -> list[Face]:
        self.calls += 1
        return [Face(box, 0.9) for box in self.boxes]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    frame = picture(True, np.random.default_rng(0))
    (tmp_path / "good.jpg").write_bytes(encode_jpeg(frame))
    (tmp_path / "cut.jpg").write_bytes(encode_jpeg(frame)[:2000])
    return tmp_path


def test_damaged_and_missing_pictures_are_named_and_skipped(folder: Path) -> None:
    rows = [sample(path=f"{name}.jpg") for name in ("good", "cut", "gone")]
    loaded = store.load(folder, rows, NoFaces())
    assert [row.path for row in loaded.samples] == ["good.jpg"]
    assert set(loaded.skipped) == {"cut.jpg", "gone.jpg"}
    assert all(loaded.skipped.values())


def test_a_box_outside_its_picture_is_skipped_by_name(folder: Path) -> None:
    loaded = store.load(folder, [sample(path="good.jpg", box=Box(900, 0, 10, 10))], NoFaces())
    assert "outside" in loaded.skipped["good.jpg"]


def test_the_serving_detection_that_overlaps_best_is_used(folder: Path) -> None:
    near, nearer = Box(40, 40, 60, 80), Box(49, 41, 60, 80)
    loaded = store.load(folder, [sample(path="good.jpg")], Fixed(Box(0, 0, 20, 20), near, nearer))
    assert loaded.boxes == [nearer]


def test_a_detection_elsewhere_does_not_replace_the_labelled_box(folder: Path) -> None:
    loaded = store.load(folder, [sample(path="good.jpg")], Fixed(Box(0, 0, 20, 20)))
    assert loaded.boxes == [BOX]


def test_boxes_are_detected_once_and_cached(folder: Path) -> None:
    detector = Fixed(Box(49, 41, 60, 80))
    for _ in range(2):
        loaded = store.load(folder, [sample(path="good.jpg")], detector, folder / "boxes.json")
    assert detector.calls == 1
    assert loaded.boxes == [Box(49, 41, 60, 80)]


def test_stored_frames_are_cut_as_serving_cuts(folder: Path) -> None:
    spec = CropSpec((1.0, 2.0), 32)
    loaded = store.load(folder, [sample(path="good.jpg")], NoFaces())
    np.testing.assert_array_equal(
        loaded.patches(0, spec), patches(loaded.frames[0], loaded.boxes[0], spec)
    )
