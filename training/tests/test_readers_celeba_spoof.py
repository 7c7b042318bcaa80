from pathlib import Path

import pytest
from PIL import Image

from liveness.engine.crops import Box
from training.fas import readers
from training.fas.data import DataError, LeakError, check_disjoint
from training.tests import trees

LIVE, PHONE = "Data/train/1/live/000001.jpg", "Data/train/1/spoof/000002.jpg"


def test_types_and_subjects_become_samples(tmp_path: Path) -> None:
    found = readers.read(trees.celeba_spoof(tmp_path))
    assert [(row.path, row.subject, row.live, row.species, row.split) for row in found.samples] == [
        (LIVE, "1", True, "", "train"),
        (PHONE, "1", False, "screen", "train"),
        ("Data/test/2/spoof/000003.jpg", "2", False, "mask", "dev"),
    ]


def test_boxes_are_stretched_from_224_to_each_side_of_the_picture(tmp_path: Path) -> None:
    found = readers.read(trees.celeba_spoof(tmp_path))
    assert found.samples[0].box == Box(112.0, 14.0, 224.0, 42.0)


def test_a_picture_that_lies_on_its_side_gets_its_box_upright(tmp_path: Path) -> None:
    source = trees.celeba_spoof(tmp_path)
    with Image.open(source / LIVE) as opened:
        exif = opened.getexif()
        exif[0x0112] = 6
        opened.save(source / LIVE, exif=exif)
    assert readers.read(source).samples[0].box == Box(28.0, 56.0, 56.0, 168.0)


def test_the_two_parts_can_be_split_without_a_leak(tmp_path: Path) -> None:
    rows = readers.read(trees.celeba_spoof(tmp_path)).samples
    check_disjoint({name: [r for r in rows if r.split == name] for name in ("train", "dev")})
    assert {row.domain for row in rows} == {"celeba-spoof", "celeba-spoof-test"}


def test_a_person_in_both_parts_is_a_leak(tmp_path: Path) -> None:
    source = trees.celeba_spoof(tmp_path)
    (source / "Data/test/2").rename(source / "Data/test/1")
    trees.celeba_labels(source, "test", {"Data/test/1/spoof/000003.jpg": trees.celeba_row(6)})
    with pytest.raises(LeakError, match="subject 1 is in Data/train and in Data/test"):
        readers.read(source)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (trees.celeba_row(0), "lies in spoof, but its labels say"),
        (trees.celeba_row(11), "spoof type 11"),
        ([0] * 40, "needs 44 labels"),
    ],
)
def test_labels_that_make_no_sense_are_skipped_by_name(
    tmp_path: Path, labels: list[int], reason: str
) -> None:
    source = trees.celeba_spoof(tmp_path)
    trees.celeba_labels(source, "train", {LIVE: trees.celeba_row(0), PHONE: labels})
    found = readers.read(source)
    assert list(found.skipped) == [PHONE]
    assert reason in found.skipped[PHONE]


@pytest.mark.parametrize("broken", ["picture", "box", "no box"])
def test_a_damaged_picture_or_box_is_skipped_by_name(tmp_path: Path, broken: str) -> None:
    source = trees.celeba_spoof(tmp_path)
    box = source / LIVE.replace(".jpg", "_BB.txt")
    if broken == "picture":
        (source / LIVE).write_bytes(b"\xff\xd8 nothing")
    elif broken == "box":
        box.write_text("1 2 three 4")
    else:
        box.unlink()
    assert list(readers.read(source).skipped) == [LIVE]


def test_a_damaged_list_is_said_in_words(tmp_path: Path) -> None:
    source = trees.celeba_spoof(tmp_path)
    (source / "metas/intra_test/train_label.json").write_text("{")
    with pytest.raises(DataError, match=r"train_label\.json cannot be read"):
        readers.read(source)
