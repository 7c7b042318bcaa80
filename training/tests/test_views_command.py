import io
import json
from pathlib import Path

import pytest
import torch
from django.core.management import CommandError, call_command

from liveness.engine import bundle as bundles
from liveness.engine.crops import CropSpec
from training.cross_validation import CrossValidation, Fold, FoldError
from training.fas import making, starts, views
from training.fas.data import DataError
from training.fas.nets import NetSpec
from training.fas.views import Views
from training.options import START
from training.tests.synthetic import NoFaces, data_set

CROP = CropSpec((1.0, 2.0), 32, border="inside")
NET = NetSpec("minifasnet_v2_fast", patches=2, size=32)
SIZE = ["--size", "32", "--patches", "1.0,2.0"]
TINY = [
    "--epochs",
    "1",
    "--batch",
    "8",
    "--samples-per-epoch",
    "16",
    "--minutes",
    "0",
    "--arch",
    "minifasnet_v2_fast",
]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "SHARD", 32)


def made(tmp_path: Path, *more: str) -> tuple[Path, Path]:
    """A manifest and a folder of views made from it."""
    manifest, out = data_set(tmp_path / "data", each=3), tmp_path / "views"
    words = ["--data", str(manifest), "--out", str(out), "--count", "32", "--jobs", "1", *more]
    call_command("make_views", *words, *SIZE, stdout=io.StringIO())
    return manifest, out


def test_views_are_made_and_trained_on_without_the_camera_that_was_left_out(
    tmp_path: Path,
) -> None:
    manifest, folder = made(tmp_path)
    out = tmp_path / "fold"
    words = ["--data", str(manifest), "--out", str(out), "--views", str(folder)]
    chosen = ["--leave-out", "b", "--calibration-domains", ""]
    call_command("train_fas", *words, *chosen, *SIZE, *TINY, stdout=io.StringIO())
    manifest_of = bundles.load(out / "bundle").manifest
    assert manifest_of["training"]["options"]["leave_out"] == "b"
    assert manifest_of["training"]["options"]["views"] == "views"
    assert str(tmp_path) not in json.dumps(manifest_of)
    assert set(manifest_of["figures"]["dev"]["domains"]) == {"b"}


def test_views_of_another_crop_are_refused(tmp_path: Path) -> None:
    manifest, folder = made(tmp_path, "--border", "reflect")
    words = ["--data", str(manifest), "--out", str(tmp_path / "o"), "--views", str(folder)]
    with pytest.raises(CommandError, match="holds patches of"):
        call_command("train_fas", *words, *SIZE, *TINY, "--calibration-domains", "c")


def test_a_folder_without_portraits_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no JPEG"):
        making.portraits(tmp_path, 10, NoFaces())


def test_teachers_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is no folder"):
        made(tmp_path, "--teachers", str(tmp_path / "nowhere"))


def test_a_portrait_without_a_face_is_skipped_and_named(tmp_path: Path) -> None:
    data_set(tmp_path, each=2)
    found = making.portraits(tmp_path, 3, NoFaces())
    assert len(found) == 0
    assert len(found.skipped) == 3


def test_cross_validation_goes_on_where_it_was(tmp_path: Path) -> None:
    fold = Fold("cam04+cam13", tmp_path / "cam04+cam13")
    validation = CrossValidation(Path("m.csv"), tmp_path, [fold.name], ["--epochs", "1"])
    words = validation.command(fold)
    assert words[words.index("--leave-out") + 1] == "cam04+cam13"
    assert "--resume" not in words
    fold.folder.mkdir()
    (fold.folder / "last.pt").touch()
    assert validation.command(fold)[-1] == "--resume"
    fold.bundle.mkdir()
    (fold.bundle / "manifest.json").touch()
    said: list[str] = []
    CrossValidation(Path("m.csv"), tmp_path, [fold.name], say=said.append).run()
    assert said == ["cam04+cam13: done before."]


def test_cross_validation_judges_each_camera_by_the_network_that_never_saw_it(
    tmp_path: Path,
) -> None:
    manifest, folder = made(tmp_path)
    out, said = tmp_path / "loco", io.StringIO()
    options = ["--views", str(folder), *SIZE, *TINY, "--calibration-domains", ""]
    folds = ["--folds", "a,b", "--jobs", "2"]
    words = ["--data", str(manifest), "--out", str(out), *folds, "--", *options]
    call_command("cross_validate_fas", *words, stdout=said, stderr=io.StringIO())
    assert "EER, mean of cameras" in said.getvalue()
    assert (out / "report" / "report.html").exists()
    with pytest.raises(CommandError, match="falls short"):
        call_command("cross_validate_fas", "--max-eer-worst", "0", *words, stdout=said, stderr=said)
    kept, anew = (out / name / "report" / "scores.csv" for name in ("a", "b"))
    before = kept.stat().st_mtime_ns, anew.stat().st_mtime_ns
    (out / "b" / "bundle" / "manifest.json").touch()
    call_command("cross_validate_fas", *words, stdout=said, stderr=io.StringIO())
    assert kept.stat().st_mtime_ns == before[0]
    assert anew.stat().st_mtime_ns > before[1]


def test_folds_begin_with_the_weights_of_a_network_that_saw_none_of_their_cameras(
    tmp_path: Path,
) -> None:
    manifest, folder = made(tmp_path)
    out, said = tmp_path / "loco", io.StringIO()
    words = ["--data", str(manifest), "--out", str(out), "--folds", "a,b", "--common"]
    options = ["--views", str(folder), *SIZE, *TINY, "--calibration-domains", ""]
    call_command("cross_validate_fas", *words, "--epochs 2", "--", *options, stdout=said)
    assert [line.split(":")[0] for line in said.getvalue().splitlines()[:3]] == ["common", "a", "b"]
    seen = {
        name: starts.read(out / name / "best.pt", NET, CROP).domains for name in ("common", *"ab")
    }
    assert seen == {"common": ("c",), "a": ("b", "c"), "b": ("a", "c")}
    options += ["--start", str(out / "a" / "best.pt"), "--out", str(tmp_path / "leak")]
    with pytest.raises(CommandError, match="has learnt from b, which this run holds out"):
        call_command("train_fas", "--data", str(manifest), "--leave-out", "b", *options)


def test_folds_go_on_from_their_own_weights_of_an_earlier_cross_validation(tmp_path: Path) -> None:
    manifest, folder = made(tmp_path)
    options = ["--views", str(folder), *SIZE, *TINY, "--calibration-domains", ""]
    words = ["--data", str(manifest), "--folds", "a,b"]
    first, second, said = tmp_path / "first", tmp_path / "second", io.StringIO()
    out = ["--out", str(first)]
    call_command("cross_validate_fas", *words, *out, "--", *options, "--seed", "2", stdout=said)
    words += ["--out", str(second), "--from", str(first)]
    call_command("cross_validate_fas", *words, "--", *options, "--lr", "1e-6", stdout=said)
    for name, domains in {"a": ("b", "c"), "b": ("a", "c")}.items():
        before, after = (starts.read(run / name / START, NET, CROP) for run in (first, second))
        assert before.domains == after.domains == domains
        for layer in ("net.conv1.conv.weight", "net.prob.weight"):
            assert torch.allclose(before.weights[layer], after.weights[layer], atol=1e-3)


def test_a_fold_goes_on_from_what_left_its_cameras_out_and_little_else(tmp_path: Path) -> None:
    for name in ("a+b+c", "a+b", "c+d", "e"):
        (tmp_path / name).mkdir()
        (tmp_path / name / START).touch()
    validation = CrossValidation(Path("m.csv"), tmp_path / "out", ["a", "c", "e"], earlier=tmp_path)
    for fold, before in zip(validation.folds, ("a+b", "c+d", "e"), strict=True):
        words = validation.command(fold)
        assert words[words.index("--start") + 1] == str(tmp_path / before / START)


def test_folds_that_cannot_go_on_say_so(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / START).touch()
    folds = (Path("m.csv"), tmp_path / "out", ["a"])
    with pytest.raises(FoldError, match=r"holds no start\.npz of a fold that left a out"):
        CrossValidation(*folds, earlier=tmp_path).run()
    with pytest.raises(FoldError, match="not from both"):
        CrossValidation(*folds, common=[], earlier=tmp_path).run()


def test_a_fold_that_fails_names_its_log(tmp_path: Path) -> None:
    manifest = data_set(tmp_path / "data", each=2)
    words = ["--data", str(manifest), "--out", str(tmp_path / "loco"), "--folds", "a"]
    with pytest.raises(CommandError, match=r"Fold a stopped .*log\.txt"):
        call_command("cross_validate_fas", *words, "--", "--epochs", "0", stdout=io.StringIO())


def test_an_empty_folder_of_views_says_so(tmp_path: Path) -> None:
    with pytest.raises(views.ViewsError, match=r"views\.json cannot be read"):
        Views(tmp_path)
