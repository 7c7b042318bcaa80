from pathlib import Path

import pytest

from training.fas import readers
from training.tests import trees


def test_lists_with_backslashes_become_samples(tmp_path: Path) -> None:
    found = readers.read(trees.nuaa(tmp_path))
    rows = [(row.path, row.subject, row.live, row.species) for row in found.samples]
    assert rows[0] == ("ClientRaw/0001/0001_00_00_01_train.jpg", "0001", True, "")
    assert rows[-1] == ("ImposterRaw/0003/0003_00_00_01_test.jpg", "0003", False, "print")
    assert len(rows) == 4
    assert all(row.box is None for row in found.samples)


def test_one_camera_is_never_split(tmp_path: Path) -> None:
    found = readers.read(trees.nuaa(tmp_path))
    assert {(row.domain, row.split) for row in found.samples} == {("nuaa", "train")}


def test_the_folder_that_holds_raw_is_enough(tmp_path: Path) -> None:
    trees.nuaa(tmp_path / "raw")
    assert readers.read(tmp_path).root == tmp_path / "raw"


@pytest.mark.parametrize(
    ("line", "path", "reason"),
    [
        ("0009\\gone.jpg", "ClientRaw/0009/gone.jpg", "listed, but not there"),
        ("0009\\Thumbs.db", "ClientRaw/0009/Thumbs.db", "not a picture file"),
        ("..\\secret.jpg", "ClientRaw/../secret.jpg", "not subject"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(
    tmp_path: Path, line: str, path: str, reason: str
) -> None:
    source = trees.nuaa(tmp_path)
    with (source / "client_train_raw.txt").open("a") as file:
        file.write(line + "\n")
    found = readers.read(source)
    assert reason in found.skipped[path]
    assert len(found.samples) == 4
