import csv
import io
import json
import zlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from django.core.management import CommandError, call_command

from liveness.engine.crops import Box, CropSpec, patches
from liveness.engine.faces import FaceDetector, YuNet
from liveness.engine.frames import FILE_LIMITS, Picture, decode
from training.fas import readers
from training.fas.data import DataError, read_manifest
from training.fas.readers.patch_folders import PatchSample, read_patches
from training.fas.readers.prepare import Preparation, Summary
from training.tests import trees
from training.tests.synthetic import NoFaces
from training.tests.trees import FACE, Fixed

PORTRAIT = Path(__file__).parents[2] / "portal" / "demo" / "portraits" / "collins.jpg"
CROP = CropSpec((1.0, 2.0), 32, border="inside")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return trees.plain_folders(tmp_path / "lobby")


def prepared(
    source: Path, out: Path, detector: FaceDetector | None = None, **options: object
) -> Summary:
    options = {"say": lambda line: None} | options
    data = readers.read(source)
    return Preparation(data, out, detector or Fixed(), **options).run()  # type: ignore[arg-type]


def content(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def skipped(out: Path) -> dict[str, str]:
    with (out / "skipped.csv").open(newline="") as file:
        return {row["path"]: row["reason"] for row in csv.DictReader(file)}


def giant_png() -> bytes:
    """A small file whose header promises 60,000×60,000 pixels."""
    png = bytearray(cv2.imencode(".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes())
    png[16:24] = (60_000).to_bytes(4, "big") * 2
    png[29:33] = zlib.crc32(png[12:29]).to_bytes(4, "big")
    return bytes(png)


def test_the_manifest_names_every_picture_with_its_face(source: Path, tmp_path: Path) -> None:
    summary = prepared(source, tmp_path / "out")
    rows = read_manifest(tmp_path / "out" / "manifest.csv")
    assert rows[0].path == "../lobby/live/a.jpg"
    assert all((tmp_path / "out" / row.path).is_file() for row in rows)
    assert {(row.box, row.domain) for row in rows} == {(FACE, "lobby")}
    assert Counter(row.species for row in rows) == {"": 1, "mixed": 1, "print": 1, "screen": 1}
    assert (summary.bona_fide, summary.attacks, summary.fresh) == (1, 3, 4)
    assert "96,80,20" in (tmp_path / "out" / "manifest.csv").read_text()


def test_copies_are_the_same_bytes_and_as_private(source: Path, tmp_path: Path) -> None:
    (source / "live" / "a.jpg").chmod(0o600)
    prepared(source, tmp_path / "out", copy=True)
    row = read_manifest(tmp_path / "out" / "manifest.csv")[0]
    copy = tmp_path / "out" / row.path
    assert copy.stat().st_mode & 0o777 == 0o600
    assert copy.parent == tmp_path / "out" / "frames"
    assert copy.read_bytes() == (source / "live" / "a.jpg").read_bytes()


def test_patches_are_cut_as_serving_cuts_and_read_back(source: Path, tmp_path: Path) -> None:
    prepared(source, tmp_path / "out", crop=CROP)
    found = readers.read(tmp_path / "out" / "RGB_Images", domain="lobby")
    assert Counter((row.live, row.species) for row in found.samples) == {
        (True, ""): 1,
        (False, "print"): 2,
        (False, "screen"): 1,
    }
    [live] = [row for row in found.samples if row.live]
    assert isinstance(live, PatchSample)
    assert live.path.startswith("1_32x32/1/a-")
    frame = decode((source / "live" / "a.jpg").read_bytes(), FILE_LIMITS)
    np.testing.assert_array_equal(read_patches(found.root, live, CROP), patches(frame, FACE, CROP))


def test_the_labelled_face_is_taken_and_the_largest_where_none_is_labelled(tmp_path: Path) -> None:
    large, small = Box(0, 0, 60, 70), Box(62, 8, 30, 40)
    labelled = trees.celeba_spoof(tmp_path / "labelled")
    for path in labelled.rglob("*_BB.txt"):
        path.write_text("31 16 15 80 0.9")  # in 448×112 pixels: x 62, y 8, w 30, h 40
    summary = prepared(labelled, tmp_path / "a", Fixed(large, small))
    assert {row.box for row in read_manifest(tmp_path / "a" / "manifest.csv")} == {small}
    assert summary.several == 3
    prepared(trees.plain_folders(tmp_path / "plain"), tmp_path / "b", Fixed(large, small))
    assert {row.box for row in read_manifest(tmp_path / "b" / "manifest.csv")} == {large}


def test_a_face_that_is_not_the_labelled_one_is_skipped(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No picture could be used"):
        prepared(trees.celeba_spoof(tmp_path / "set"), tmp_path / "out", Fixed(Box(0, 70, 30, 30)))
    assert set(skipped(tmp_path / "out").values()) == {"no_face"}


def test_what_cannot_be_used_is_named_counted_and_listed(source: Path, tmp_path: Path) -> None:
    good = (source / "live" / "a.jpg").read_bytes()
    (source / "live" / "cut.jpg").write_bytes(good[:-400])
    (source / "live" / "text.png").write_text("not a picture")
    (source / "live" / "clip.mp4").write_bytes(b"x")
    (source / "live" / "giant.png").write_bytes(giant_png())
    with (source / "live" / "heavy.jpg").open("wb") as file:
        file.truncate(FILE_LIMITS.max_bytes + 1)
    said: list[str] = []
    summary = prepared(source, tmp_path / "out", say=said.append)
    found = skipped(tmp_path / "out")
    assert found == {
        "live/clip.mp4": "not_used",
        "live/cut.jpg": "truncated",
        "live/giant.png": "too_many_pixels",
        "live/heavy.jpg": "too_many_bytes",
        "live/text.png": "not_an_image",
    }
    assert sum(summary.skipped.values()) == 5
    assert any(line.startswith("skipped live/cut.jpg: The JPEG ends too early") for line in said)
    assert said[-1] == "8 of 8, 4 skipped, 0 s left"


def test_no_face_anywhere_is_said_and_listed(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"No picture could be used; .*skipped\.csv says why"):
        prepared(source, tmp_path / "out", NoFaces())
    assert len(skipped(tmp_path / "out")) == 4
    assert not (tmp_path / "out" / "manifest.csv").exists()


def test_an_interrupted_run_goes_on_where_it_stopped(source: Path, tmp_path: Path) -> None:
    class Tired(Fixed):
        def detect(self, picture: Picture) -> list:
            if self.calls == 2:
                raise KeyboardInterrupt
            return super().detect(picture)

    with pytest.raises(KeyboardInterrupt):
        prepared(source, tmp_path / "out", Tired(), crop=CROP)
    assert not (tmp_path / "out" / "manifest.csv").exists()
    with (tmp_path / "out" / "progress.jsonl").open("a") as file:
        file.write('["torn')
    detector = Fixed()
    summary = prepared(source, tmp_path / "out", detector, crop=CROP)
    assert (detector.calls, summary.fresh, summary.attacks) == (2, 2, 3)
    prepared(source, tmp_path / "whole", crop=CROP)
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_a_second_run_has_nothing_to_do(source: Path, tmp_path: Path) -> None:
    prepared(source, tmp_path / "out", crop=CROP, copy=True)
    before, detector = content(tmp_path / "out"), Fixed()
    assert prepared(source, tmp_path / "out", detector, crop=CROP, copy=True).fresh == 0
    assert detector.calls == 0
    assert content(tmp_path / "out") == before


def test_changed_and_removed_pictures_leave_nothing_stale(source: Path, tmp_path: Path) -> None:
    prepared(source, tmp_path / "out", crop=CROP, copy=True)
    (source / "spoof" / "d.jpg").unlink()
    (source / "spoof" / "print" / "b.jpg").rename(source / "live" / "b.jpg")
    trees.picture(source / "live" / "a.jpg", width=100)
    assert prepared(source, tmp_path / "out", crop=CROP, copy=True).fresh == 2
    prepared(source, tmp_path / "new", crop=CROP, copy=True)
    (tmp_path / "out" / "progress.jsonl").unlink()
    (tmp_path / "new" / "progress.jsonl").unlink()
    assert content(tmp_path / "out") == content(tmp_path / "new")


def test_a_folder_with_something_else_is_refused_untouched(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "manifest.csv").write_text("mine")
    with pytest.raises(DataError, match="holds something else"):
        prepared(source, out)
    assert content(out) == {"manifest.csv": b"mine"}


def test_a_folder_that_was_made_with_other_options_is_refused(source: Path, tmp_path: Path) -> None:
    prepared(source, tmp_path / "out")
    with pytest.raises(DataError, match="other options"):
        prepared(source, tmp_path / "out", crop=CROP)


def test_ready_patches_cannot_be_prepared(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ready patches"):
        prepared(trees.rgb_images(tmp_path / "set"), tmp_path / "out")


def test_the_command_uses_the_detector_that_serves(tmp_path: Path) -> None:
    source, out, err = tmp_path / "door", io.StringIO(), io.StringIO()
    trees.picture(source / "spoof" / "noise.jpg")
    (source / "live").mkdir()
    (source / "live" / "collins.jpg").write_bytes(PORTRAIT.read_bytes())
    options = ["--patches", "2.0,1", "--size", "64", "--border", "inside", "--domain", "lab"]
    place = [str(source), "--out", str(tmp_path / "out")]
    call_command("prepare_fas", *place, *options, stdout=out, stderr=err)
    [row] = read_manifest(tmp_path / "out" / "manifest.csv")
    frame = decode(PORTRAIT.read_bytes(), FILE_LIMITS)
    largest = YuNet().detect(frame)[0].box
    assert row.domain == "lab"
    assert row.box is not None
    assert row.box.iou(largest) > 0.99
    folders = sorted(path.name for path in (tmp_path / "out" / "RGB_Images").iterdir())
    assert folders == ["1_64x64", "2_64x64"]
    assert "1 bona fide and 0 attacks" in out.getvalue()
    assert "1 no_face" in out.getvalue()
    assert "skipped spoof/noise.jpg" in err.getvalue()
    assert json.loads((tmp_path / "out" / "prepare.json").read_text())["crop"]["border"] == "inside"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "64"], "give --patches"),
        (["--patches", "big"], "numbers such as"),
        (["--patches", "99"], "Scales must lie"),
        (["--format", "nuaa"], "ClientRaw"),
    ],
)
def test_wrong_options_are_reported_in_words(
    source: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("prepare_fas", str(source), "--out", str(tmp_path / "out"), *options)
    assert not (tmp_path / "out").exists()
