import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from liveness.engine import bundle as bundles
from liveness.engine import metrics
from liveness.engine.bundle import Bundle, Scoring
from liveness.engine.crops import CropSpec, patches
from liveness.engine.fas import LivenessModel, turned
from liveness.engine.session import log_odds
from training.building import net_spec
from training.calibration import calibrated, matched
from training.fas import checkpoints, export, starts
from training.fas.checkpoints import CheckpointError
from training.fas.data import DataError, Sample
from training.fas.store import Store
from training.options import Options
from training.pipeline import Pipeline
from training.tests.synthetic import BOX, NoFaces, data_set, picture, sample

OPTIONS = Options(
    epochs=3,
    batch=8,
    samples_per_epoch=192,
    scales=(1.0, 2.0),
    size=32,
    minutes=0,
    calibration_domains=("c",),
    lr=0.01,
    ema=0.9,
    mixed=0,
    simulate=0,
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty generated pictures through the whole pipeline; ``out/bundle`` is the result."""
    folder = tmp_path_factory.mktemp("training")
    manifest = data_set(folder / "data")
    Pipeline(manifest, folder / "out", OPTIONS, NoFaces(), say=lambda line: None).run()
    return folder / "out"


@pytest.fixture(scope="module")
def made(out: Path) -> Bundle:
    return bundles.load(out / "bundle")


def test_a_trained_bundle_serves(made: Bundle) -> None:
    model = LivenessModel(made)
    rng = np.random.default_rng(7)
    faces = np.stack([patches(picture(i < 20, rng), BOX, made.crop) for i in range(40)])
    scores = model.score(faces)
    assert scores.shape == (40,)
    assert metrics.auc(scores[:20], scores[20:]) > 0.8


def test_the_manifest_says_how_the_threshold_was_found(made: Bundle) -> None:
    assert 0 < made.threshold.value < 1
    assert "APCER = BPCER" in made.threshold.target
    assert "(c)" in made.threshold.target
    assert (made.threshold.bona_fide, made.threshold.attacks) == (5, 5)


def test_the_threshold_balances_cameras_and_leaves_close_crops_out() -> None:
    frames = Store(samples=[_sample("wide", live) for live in (True, True, False, False)])
    frames.samples += [_sample("tight", live, "crop") for live in (True, False)]
    found = calibrated(frames, np.array([0.8, 0.9, 0.1, 0.2, 0.0, 1.0]))
    assert 0.2 < found["value"] <= 0.8
    assert "tight" not in found["target"]
    assert (found["bona_fide"], found["attacks"]) == (2, 2)


def test_a_threshold_is_carried_over_to_scores_that_moved(made: Bundle) -> None:
    rng = np.random.default_rng(1)
    odds = np.concatenate([rng.normal(2, 1.5, 300), rng.normal(-2, 1.5, 300)])
    frames = Store(samples=[_sample("wide", live) for live in [True] * 300 + [False] * 300])
    before = replace(made, threshold=replace(made.threshold, value=0.7, band=(0.6, 0.7)))
    moved = odds - 1.0  # the same order, one logit lower
    found = matched(frames, _chances(moved), before, _chances(odds))
    assert log_odds(found["value"]) == pytest.approx(log_odds(0.7) - 1.0, abs=0.15)
    assert log_odds(found["band"][0]) == pytest.approx(log_odds(0.6) - 1.0, abs=0.15)
    assert found["band"][1] >= found["value"]
    assert (found["bona_fide"], found["attacks"]) == (300, 300)
    assert "the errors of" in found["target"]


def test_a_run_that_goes_on_keeps_the_errors_of_the_model_before(
    made: Bundle, out: Path, tmp_path: Path
) -> None:
    options = replace(
        OPTIONS,
        epochs=1,
        calibration_domains=(),
        start=str(out / "best.pt"),
        champion=str(out / "bundle"),
    )
    manifest = out.parent / "data" / "manifest.csv"
    run = Pipeline(manifest, tmp_path, options, NoFaces(), say=lambda line: None)
    found = run.run().threshold
    assert f"the errors of {made.name}" in found.target
    known = checkpoints.load(out / "best.pt")["domains"]
    assert "c" not in known  # it was held out, and is new to the network
    assert (found.bona_fide, found.attacks) == (5 * len(known), 5 * len(known))


def test_a_run_that_keeps_its_beginning_changes_the_middle_layers_alone(
    made: Bundle, out: Path, tmp_path: Path
) -> None:
    options = replace(
        OPTIONS, epochs=1, calibration_domains=(), start=str(out / "best.pt"), keep=1.0
    )
    manifest = out.parent / "data" / "manifest.csv"
    run = Pipeline(manifest, tmp_path, options, NoFaces(), say=lambda line: None)
    fitted = run.fit()
    assert fitted.best.name == starts.TIED
    before, best, kept = (
        checkpoints.load(path)["average"]
        for path in (out / "best.pt", tmp_path / "best.pt", fitted.best)
    )
    layers = [name for name in before if name.startswith("net.") and before[name].dim() > 1]
    learnt = {name for name in layers if not torch.equal(before[name], best[name])}
    changed = {name for name in layers if not torch.equal(before[name], kept[name])}
    assert changed == {name for name in learnt if name.startswith(starts.MIDDLE)}
    assert changed < learnt


def _chances(odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-odds))


def test_without_a_camera_of_whole_frames_there_is_no_threshold() -> None:
    frames = Store(samples=[_sample("tight", live, "crop") for live in (True, False)])
    with pytest.raises(DataError, match="close crops alone"):
        calibrated(frames, np.array([0.9, 0.1]))


def _sample(domain: str, live: bool, frame: str = "full") -> Sample:
    return sample(domain, live, frame=frame)


def test_the_manifest_holds_figures_of_cameras_that_were_not_trained_on(made: Bundle) -> None:
    figures = made.manifest["figures"]
    assert set(figures["dev"]["domains"]) == {"d"}
    assert set(figures["calibration"]["domains"]) == {"c"}
    assert figures["dev"]["pooled"]["bpcer"]["n"] == 5
    assert figures["int8_against_fp32"]["faces"] == 10


def test_the_manifest_names_options_and_data(made: Bundle) -> None:
    assert made.manifest["training"]["options"] == OPTIONS.as_dict()
    assert made.manifest["data"]["train"] == {"bona_fide": 10, "attacks": 10, "domains": 2}
    assert len(made.manifest["data"]["sha256"]) == 64
    assert made.manifest["network"]["parameters"] > 300_000


def test_a_finished_run_can_be_exported_again(out: Path, made: Bundle, tmp_path: Path) -> None:
    manifest = out.parent / "data" / "manifest.csv"
    again = Pipeline(manifest, out, OPTIONS, NoFaces(), say=lambda line: None).run(resume=True)
    assert again.sha256 == made.sha256


def test_damaged_pictures_are_counted_in_the_manifest(tmp_path: Path) -> None:
    manifest = data_set(tmp_path / "data", each=4)
    (tmp_path / "data" / "a" / "0.jpg").write_bytes(b"no picture")
    lines: list[str] = []
    options = Options(
        **(OPTIONS.as_dict() | {"epochs": 1, "samples_per_epoch": 8, "scales": (1.0,)})
    )
    Pipeline(manifest, tmp_path / "out", options, NoFaces(), say=lines.append).run()
    written = json.loads((tmp_path / "out" / "bundle" / "manifest.json").read_text())
    assert written["data"]["skipped"] == 1
    assert any(line.startswith("skipped a/0.jpg:") for line in lines)


def without_cameras(folder: Path, **changes: object) -> Bundle:
    manifest = data_set(folder / "data", each=3)
    few = {"epochs": 1, "samples_per_epoch": 16, "scales": (1.0,), "calibration_domains": ()}
    options = replace(OPTIONS, **few)  # type: ignore[arg-type]
    run = Pipeline(
        manifest,
        folder / "out",
        options,
        NoFaces(),
        say=lambda line: None,
        **changes,  # type: ignore[arg-type]
    )
    return run.run()


def test_without_calibration_cameras_the_threshold_is_marked_as_not_calibrated(
    tmp_path: Path,
) -> None:
    made = without_cameras(tmp_path)
    assert (made.threshold.value, made.threshold.target) == (0.5, "not calibrated")
    assert made.manifest["data"]["train"]["domains"] == 3
    assert made.manifest["figures"]["calibration"] is None
    assert made.manifest["figures"]["dev"]["pooled"]["bpcer"]["n"] == 3
    assert made.manifest["figures"]["int8_against_fp32"]["faces"] == 18


def test_a_threshold_that_was_found_elsewhere_is_taken(tmp_path: Path) -> None:
    given = {"value": 0.7, "target": "BPCER 5 % elsewhere", "bona_fide": 90, "attacks": 80}
    made = without_cameras(tmp_path, threshold=given)
    assert (made.threshold.value, made.threshold.bona_fide) == (0.7, 90)


def test_a_run_begins_with_what_an_imagenet_network_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibration, quantise = [], export.quantise

    def noted(graph: bytes, faces: NDArray[np.uint8], crop: CropSpec) -> bytes:
        calibration.append(faces)
        return quantise(graph, faces, crop)

    monkeypatch.setattr(export, "quantise", noted)
    options = replace(
        OPTIONS,
        arch="minifasnet_lite",
        activation="relu6",
        start="imagenet",
        start_rate=0.25,
        passes=1,
        epochs=1,
        serve_size=40,
    )
    manifest = data_set(tmp_path / "data", each=4)
    made = Pipeline(manifest, tmp_path / "out", options, NoFaces(), say=lambda line: None).run()
    assert made.scoring == Scoring(turn=True)
    np.testing.assert_array_equal(calibration[0], turned(calibration[0]))
    assert (made.crop.size, made.manifest["network"]["size"]) == (40, 40)
    assert made.manifest["training"]["options"]["start"] == "imagenet"
    faces = made.golden.patches
    assert LivenessModel(made).score(faces).shape == (len(faces),)
    assert starts.read(tmp_path / "out" / "start.npz", net_spec(options), made.crop).domains == (
        "a",
        "b",
    )


def test_a_run_on_other_data_is_not_continued(out: Path, tmp_path: Path) -> None:
    manifest = data_set(tmp_path / "data", each=4)
    with pytest.raises(CheckpointError, match="data was"):
        Pipeline(manifest, out, OPTIONS, NoFaces(), say=lambda line: None).run(resume=True)


def test_an_unknown_calibration_domain_stops_before_training(tmp_path: Path) -> None:
    manifest = data_set(tmp_path / "data", each=1)
    with pytest.raises(DataError, match="cam08"):
        Pipeline(manifest, tmp_path / "out", Options(), NoFaces()).run()
