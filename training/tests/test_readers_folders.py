from pathlib import Path

from training.fas import readers
from training.tests import trees


def test_folders_name_label_and_species(tmp_path: Path) -> None:
    found = readers.read(trees.plain_folders(tmp_path / "lobby"))
    assert [(row.path, row.live, row.species) for row in found.samples] == [
        ("live/a.jpg", True, ""),
        ("spoof/d.jpg", False, "mixed"),
        ("spoof/print/b.jpg", False, "print"),
        ("spoof/screen/c.jpg", False, "screen"),
    ]
    assert {(row.domain, row.box, row.subject) for row in found.samples} == {("lobby", None, "")}


def test_a_first_level_of_folders_names_the_cameras(tmp_path: Path) -> None:
    for camera in ("door", "desk"):
        trees.plain_folders(tmp_path / camera)
    assert {row.domain for row in readers.read(tmp_path).samples} == {"door", "desk"}
    named = readers.read(tmp_path, domain="site")
    assert {row.domain for row in named.samples} == {"site-door", "site-desk"}
    assert named.samples[0].path == "desk/live/a.jpg"


def test_other_files_are_skipped_by_name_and_hidden_ones_ignored(tmp_path: Path) -> None:
    source = trees.plain_folders(tmp_path / "set")
    (source / "live" / "video.mp4").write_bytes(b"x")
    (source / "live" / ".DS_Store").write_bytes(b"x")
    found = readers.read(source)
    assert list(found.skipped) == ["live/video.mp4"]
    assert len(found.samples) == 4
