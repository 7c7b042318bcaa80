"""The command line: one picture, many pictures, whole data sets."""

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from PIL import Image

from liveness.tests.bundles import make_bundle
from liveness.tests.fakes import jpeg

PORTRAIT = Path(settings.BASE_DIR) / "portal" / "demo" / "portraits" / "collins.jpg"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "bundle", 0.982)
    return tmp_path / "bundle"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with a face, the same face as PNG and in the dark, a truncated file and a text."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    shutil.copy(PORTRAIT, folder / "face.jpg")
    with Image.open(PORTRAIT) as face:
        face.save(folder / "face.png")
        face.point(lambda value: value // 6).save(folder / "dark.jpg")
    (folder / "half.jpg").write_bytes(PORTRAIT.read_bytes()[:5000])
    (folder / "text.jpg").write_text("no picture")
    (folder / "noise.jpg").write_bytes(jpeg())
    return folder


def _run(*args: Any) -> int:
    with pytest.raises(SystemExit) as ended:
        call_command("check_liveness", *(str(arg) for arg in args))
    assert isinstance(ended.value.code, int)
    return ended.value.code


def _manifest(folder: Path, rows: list[str]) -> Path:
    path = folder / "manifest.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_a_live_face_is_said_to_be_real(
    bundle: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(pictures / "face.jpg", pictures / "face.png", "--bundle", bundle) == 0
    for line in capsys.readouterr().out.splitlines():
        words, box = line.split(", box ")
        assert words.endswith("real (98.2 %)")
        assert [int(value) for value in box.split(",")] == pytest.approx(
            [271, 132, 181, 235], abs=4
        )


def test_a_spoof_is_said_to_be_one(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_bundle(tmp_path / "strict", 0.123)
    assert _run(pictures / "face.jpg", "--bundle", tmp_path / "strict") == 1
    assert "face.jpg: spoof (12.3 %), box " in capsys.readouterr().out


def test_a_picture_inside_the_band_is_said_to_be_undecided(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_bundle(tmp_path / "doubtful", 0.45, threshold=0.4, band=(0.4, 0.6))
    assert _run(pictures / "face.jpg", "--bundle", tmp_path / "doubtful") == 1
    assert "face.jpg: undecided (45.0 %), box " in capsys.readouterr().out


def test_what_cannot_be_judged_is_no_accusation(
    bundle: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(pictures / "dark.jpg", pictures / "noise.jpg", "--bundle", bundle) == 1
    dark, noise = capsys.readouterr().out.splitlines()
    assert "cannot be judged (too_dark), box " in dark
    assert noise.endswith("cannot be judged (no_face)")


def test_damaged_pictures_are_named_and_do_not_stop_the_run(
    bundle: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["half.jpg", "text.jpg", "missing.jpg", "face.jpg"]
    assert _run(*(pictures / name for name in names), "--bundle", bundle) == 2
    lines = capsys.readouterr().out.splitlines()
    assert "half.jpg: unreadable (truncated)" in lines[0]
    assert "text.jpg: unreadable (not_an_image)" in lines[1]
    assert "missing.jpg: unreadable (no_such_file_or_directory)" in lines[2]
    assert "real" in lines[3]


def test_json_has_one_object_a_line(
    bundle: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(pictures / "face.jpg", pictures / "half.jpg", "--json", "--bundle", bundle)
    face, half = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (face["verdict"], face["p_live"], face["reason"]) == ("live", 0.982, None)
    assert len(face["box"]) == 4
    assert (half["verdict"], half["p_live"], half["box"]) == ("error", None, None)


def test_a_csv_is_checked_row_by_row(
    bundle: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["path,x,y,w,h", "face.jpg,280,140,170,220", "face.jpg,5,5,40,40"]
    rows += ["dark.jpg,,,,", "half.jpg,1,1,9,9", "face.jpg,9000,1,50,50"]
    manifest = _manifest(pictures, rows)
    assert _run("--csv", manifest, "--out", tmp_path / "scores.csv", "--bundle", bundle) == 2
    with (tmp_path / "scores.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == ["path", "verdict", "p_live", "x", "y", "w", "h", "reason"]
    assert [row["verdict"] for row in found] == ["live", "abstain", "abstain", "error", "error"]
    assert float(found[0]["x"]) == pytest.approx(271, abs=4)
    assert (found[1]["x"], found[1]["p_live"]) == ("5.0", "0.982000")
    assert (found[2]["reason"], found[2]["p_live"]) == ("too_dark", "0.982000")
    assert (found[3]["reason"], found[4]["reason"]) == ("truncated", "bad_box")
    progress = capsys.readouterr().err
    assert "half.jpg: unreadable (truncated)" in progress
    assert "5 of 5 checked, 2 unreadable" in progress


def test_a_csv_without_out_goes_to_standard_output(
    bundle: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = _manifest(pictures, ["path", '"face.jpg"'])
    _run("--csv", manifest, "--bundle", bundle)
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["path"], row["verdict"], row["p_live"]) == ("face.jpg", "live", "0.982000")


def test_labels_and_domains_give_a_table_next_to_the_predecessors(
    bundle: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["path,domain,label,seed_logit"]
    rows += ["face.jpg,cam1,live,2.5", "face.png,cam1,spoof,-1.5", "face.jpg,cam2,live,0.5"]
    _run("--csv", _manifest(pictures, rows), "--out", tmp_path / "s.csv", "--bundle", bundle)
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert table[0] == ["domain", "column", "live", "attack", "AUC", "EER", "BPCER@1%"]
    assert table[1] == ["cam1", "p_live", "1", "1", "0.5000", "50.00%", "100.00%"]
    assert table[2] == ["cam1", "seed_logit", "1", "1", "1.0000", "0.00%", "0.00%"]
    assert table[3] == ["cam2", "p_live", "1", "0", "–", "–", "–"]
    assert table[5][:2] == ["pooled", "p_live"]


@pytest.mark.parametrize(
    "rows", [["file,label", "a.jpg,live"], ["path,x,y,w,h", "face.jpg,left,1,2,3"]]
)
def test_a_csv_that_makes_no_sense_checks_nothing(
    bundle: Path, pictures: Path, rows: list[str]
) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("check_liveness", csv=_manifest(pictures, rows), bundle=bundle)
    assert refused.value.returncode == 3


@pytest.mark.parametrize("args", [[], ["a.jpg", "--csv", "b.csv"]])
def test_it_wants_either_pictures_or_a_csv(args: list[str]) -> None:
    with pytest.raises(CommandError, match="Name pictures"):
        call_command("check_liveness", *args)


def test_a_damaged_bundle_checks_nothing(bundle: Path, pictures: Path) -> None:
    (bundle / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(CommandError, match="SHA-256") as refused:
        call_command("check_liveness", str(pictures / "face.jpg"), "--bundle", str(bundle))
    assert refused.value.returncode == 3


def test_it_needs_no_database(bundle: Path, pictures: Path) -> None:
    command = [sys.executable, "manage.py", "check_liveness", str(pictures / "face.jpg")]
    done = subprocess.run(
        [*command, "--bundle", str(bundle)],
        cwd=settings.BASE_DIR,
        env={"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "LIVEGATE_VAR": str(bundle)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "real (98.2 %)" in done.stdout
