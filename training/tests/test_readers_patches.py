from pathlib import Path

import numpy as np
import pytest

from liveness.engine.crops import CropSpec
from liveness.engine.frames import FrameError
from training.fas import readers
from training.fas.data import DataError
from training.fas.readers.patch_folders import PatchSample, read_patches
from training.tests import trees


def read(source: Path) -> tuple[Path, list[PatchSample]]:
    found = readers.read(source)
    return found.root, [row for row in found.samples if isinstance(row, PatchSample)]


def test_one_name_in_all_folders_is_one_sample(tmp_path: Path) -> None:
    _, rows = read(trees.rgb_images(tmp_path / "site"))
    assert [(row.live, row.species) for row in rows] == [
        (False, "print"),
        (True, ""),
        (False, "screen"),
    ]
    assert {(row.domain, row.frame, row.box) for row in rows} == {("site", "crop", None)}


def test_scales_come_from_the_folders_and_patches_beat_the_original(tmp_path: Path) -> None:
    _, rows = read(trees.rgb_images(tmp_path))
    assert rows[0].patches == (
        (1.0, "1_80x80/0/x0.jpg"),
        (2.7, "2.7_80x80/0/x0.jpg"),
        (4.0, "4_80x80/0/x0.jpg"),
    )


def test_the_original_stands_in_for_scale_one(tmp_path: Path) -> None:
    source = trees.rgb_images(tmp_path)
    (source / "RGB_Images" / "1_80x80").rename(tmp_path / "away")
    root, rows = read(source)
    assert rows[0].patches[0] == (1.0, "org_1_80x60/0/x0.jpg")
    assert read_patches(root, rows[0], CropSpec((1.0,), 48)).shape == (1, 48, 48, 3)


def test_patches_are_read_in_the_order_of_the_spec(tmp_path: Path) -> None:
    root, rows = read(trees.rgb_images(tmp_path))
    cut = read_patches(root, rows[0], CropSpec((4.0, 1.0), 32))
    assert cut.shape == (2, 32, 32, 3)
    assert cut.dtype == np.uint8
    assert [round(float(patch.mean())) for patch in cut] == [40, 10]


def test_a_scale_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    root, rows = read(trees.rgb_images(tmp_path))
    with pytest.raises(DataError, match=r"scales 1, 2\.7, 4, not 1\.5"):
        read_patches(root, rows[0], CropSpec((1.0, 1.5), 32))


def test_a_damaged_patch_is_an_error(tmp_path: Path) -> None:
    root, rows = read(trees.rgb_images(tmp_path))
    (root / "4_80x80/0/x0.jpg").write_bytes(b"nothing")
    with pytest.raises(FrameError):
        read_patches(root, rows[0], CropSpec((4.0,), 32))


def test_a_name_that_a_scale_lacks_is_skipped_by_name(tmp_path: Path) -> None:
    source = trees.rgb_images(tmp_path)
    (source / "RGB_Images/2.7_80x80/1/x1.jpg").unlink()
    trees.picture(source / "RGB_Images/4_80x80/7/x.jpg")
    found = readers.read(source)
    assert found.skipped["1/x1.jpg"] == "missing in 2.7_80x80"
    assert "not in a folder named 0, 1, 2" in found.skipped["7/x.jpg"]
    assert len(found.samples) == 2


def test_two_folders_of_one_scale_are_an_error(tmp_path: Path) -> None:
    source = trees.rgb_images(tmp_path)
    trees.picture(source / "RGB_Images/4_96x96/0/x0.jpg")
    with pytest.raises(DataError, match="two folders of the same scale"):
        readers.read(source)
