"""A bundle that is damaged, altered or computes something else does not serve."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liveness.engine import bundle as bundles
from liveness.engine.bundle import BundleError, Golden
from liveness.engine.crops import CropSpec
from liveness.engine.fas import LivenessModel, softmax
from liveness.engine.look import open_engine
from liveness.engine.weights import WeightsError
from liveness.tests.bundles import constant_network, make_bundle, manifest

SPEC = CropSpec(scales=(1.5, 2.7), size=32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "bundle", 0.8)
    return tmp_path / "bundle"


def _edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.json"
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))


def _golden(p_live: float, tolerance: float = 0.01, size: int = 32) -> Golden:
    patches = np.zeros((1, 2, size, size, 3), np.uint8)
    return Golden(patches, np.array([p_live], np.float32), tolerance)


def test_a_sound_bundle_scores_what_it_promised(folder: Path) -> None:
    model = LivenessModel(bundles.load(folder))
    faces = np.random.default_rng(0).integers(0, 256, (3, 2, 32, 32, 3), np.uint8)
    np.testing.assert_allclose(model.score(faces), 0.8, atol=1e-5)


def test_the_preprocessing_survives_being_written() -> None:
    spec = CropSpec(scales=(1.0, 2.7, 4.0), size=80, channels="RGB", mean=127.5, std=128.0)
    assert bundles.crop_spec(bundles.preprocessing(spec)) == spec


def test_the_manifest_keeps_every_further_figure(tmp_path: Path) -> None:
    figures = {**manifest(SPEC, 0.8, 0.7), "measured": {"auc": 0.99}}
    network = constant_network(SPEC, 0.8)
    written = bundles.write(tmp_path, network, figures, _golden(0.8))
    assert written.manifest["measured"] == {"auc": 0.99}


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx", "golden.npz"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleError, match=name):
        bundles.load(folder)


@pytest.mark.parametrize("name", ["model.onnx", "golden.npz"])
@pytest.mark.parametrize("place", [0.0, 0.5, 0.999])
def test_one_flipped_bit_is_found(folder: Path, name: str, place: float) -> None:
    data = bytearray((folder / name).read_bytes())
    data[int(place * len(data))] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(BundleError, match="SHA-256"):
        bundles.load(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2}', "\x00"])
def test_a_manifest_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(BundleError, match=r"manifest\.json"):
        bundles.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields.pop("threshold"),
        lambda fields: fields.pop("classes"),
        lambda fields: fields["threshold"].update(value=0.0),
        lambda fields: fields["threshold"].update(value=1.0),
        lambda fields: fields["threshold"].update(value="much"),
        lambda fields: fields.update(classes=["live"]),
        lambda fields: fields.update(classes=["print", "screen"]),
        lambda fields: fields.update(classes=["live", "live", "print"]),
        lambda fields: fields["preprocessing"].update(padding="black"),
        lambda fields: fields["preprocessing"].update(scales=[]),
        lambda fields: fields["preprocessing"].update(channels="HSV"),
        lambda fields: fields.update(preprocessing=7),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    _edit(folder, change)
    with pytest.raises(BundleError, match="incomplete or malformed"):
        bundles.load(folder)


def test_a_bundle_cannot_point_outside_itself(folder: Path) -> None:
    (folder / "model.onnx").rename(folder.parent / "model.onnx")
    _edit(folder, lambda fields: fields["model"].update(file="../model.onnx"))
    with pytest.raises(BundleError, match="outside"):
        bundles.load(folder)


def test_the_band_of_the_threshold_is_read(folder: Path) -> None:
    assert bundles.load(folder).threshold.band == (0.7, 0.7)
    _edit(folder, lambda fields: fields["threshold"].update(band=[0.6, 0.8]))
    assert bundles.load(folder).threshold.band == (0.6, 0.8)


@pytest.mark.parametrize("band", [[0.8, 0.9], [0.1, 0.2], [0.6], [0.6, 1.2]])
def test_a_band_without_the_threshold_inside_is_refused(folder: Path, band: list[float]) -> None:
    _edit(folder, lambda fields: fields["threshold"].update(band=band))
    with pytest.raises(BundleError, match="incomplete or malformed"):
        bundles.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields["preprocessing"].update(size=48),
        lambda fields: fields["preprocessing"].update(scales=[1.5]),
        lambda fields: fields.update(classes=["live", "print"]),
    ],
)
def test_a_network_that_does_not_fit_its_manifest_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    _edit(folder, change)
    with pytest.raises(BundleError, match="its manifest says"):
        LivenessModel(bundles.load(folder))


def test_classes_in_another_order_are_found_by_the_golden_vectors(folder: Path) -> None:
    _edit(folder, lambda fields: fields.update(classes=["print", "live", "screen"]))
    with pytest.raises(BundleError, match="golden"):
        LivenessModel(bundles.load(folder))


@pytest.mark.parametrize("promised", [0.7, 0.82, float("nan")])
def test_scores_other_than_promised_are_refused(tmp_path: Path, promised: float) -> None:
    network = constant_network(SPEC, 0.8)
    bundle = bundles.write(tmp_path, network, manifest(SPEC, 0.8, 0.7), _golden(promised))
    with pytest.raises(BundleError, match="golden"):
        LivenessModel(bundle)


def test_a_bundle_without_golden_vectors_proves_nothing(tmp_path: Path) -> None:
    golden = Golden(np.zeros((0, 2, 32, 32, 3), np.uint8), np.zeros(0, np.float32), 0.01)
    network = constant_network(SPEC, 0.8)
    bundle = bundles.write(tmp_path, network, manifest(SPEC, 0.8, 0.7), golden)
    with pytest.raises(BundleError, match="proves nothing"):
        LivenessModel(bundle)


def test_golden_vectors_of_another_shape_are_refused(tmp_path: Path) -> None:
    golden = Golden(np.zeros((2, 2, 16, 16, 3), np.uint8), np.full(2, 0.8, np.float32), 0.01)
    network = constant_network(SPEC, 0.8)
    bundle = bundles.write(tmp_path, network, manifest(SPEC, 0.8, 0.7), golden)
    with pytest.raises(BundleError, match="do not fit"):
        LivenessModel(bundle)


def test_bytes_that_are_no_network_are_refused(tmp_path: Path) -> None:
    bundle = bundles.write(tmp_path, b"no onnx", manifest(SPEC, 0.8, 0.7), _golden(0.8))
    with pytest.raises(BundleError, match="cannot be loaded"):
        LivenessModel(bundle)


def test_an_engine_says_which_part_is_missing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Unknown detector"):
        open_engine(folder, detector="eagle")
    with pytest.raises(WeightsError, match="cannot be read"):
        open_engine(folder, detector_path=tmp_path / "missing.onnx")
    with pytest.raises(BundleError):
        open_engine(tmp_path / "nowhere")


def test_softmax_is_stable_for_large_logits() -> None:
    p = softmax(np.array([[1000.0, 0.0], [0.0, 0.0]], np.float32))
    np.testing.assert_allclose(p, [[1.0, 0.0], [0.5, 0.5]])
