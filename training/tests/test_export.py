from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from liveness.engine import bundle as bundles
from liveness.engine.bundle import BundleError, Scoring
from liveness.engine.crops import CropSpec, tensor
from liveness.engine.fas import LivenessModel, turned
from training.fas import export
from training.fas.nets import MiniFASNet, NetSpec
from training.options import Options
from training.tests.synthetic import store

CROP = CropSpec((1.0, 2.0), 32)


@pytest.fixture(scope="module")
def net() -> MiniFASNet:
    """Random weights with batch statistics that differ from their defaults."""
    torch.manual_seed(0)
    net = MiniFASNet(NetSpec(patches=2, size=32)).train()
    for _ in range(20):
        net(torch.rand(16, 6, 32, 32))
    return net.eval()


@pytest.fixture(scope="module")
def fp32(net: MiniFASNet) -> bytes:
    return export.to_onnx(net)


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    frames = store(24)
    return np.stack([frames.patches(i, CROP) for i in range(24)])


@pytest.fixture(scope="module")
def int8(net: MiniFASNet, faces: np.ndarray) -> bytes:
    """As the pipeline makes it."""
    return export.quantise(export.to_onnx(export.rounded(net, faces, CROP)), faces, CROP)


def test_folding_keeps_the_logits_and_the_original(net: MiniFASNet) -> None:
    inputs = torch.rand(4, 6, 32, 32)
    before = net(inputs)
    torch.testing.assert_close(export.folded(net)(inputs), before, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(net(inputs), before)


def test_the_float_graph_takes_one_face_and_gives_plain_logits(fp32: bytes) -> None:
    graph = onnx.load_from_string(fp32).graph
    shape = [size.dim_value for size in graph.input[0].type.tensor_type.shape.dim]
    assert shape == [1, 6, 32, 32]
    assert {"Softmax", "BatchNormalization"}.isdisjoint(node.op_type for node in graph.node)


def test_every_convolution_has_integer_weights_per_channel(int8: bytes) -> None:
    graph = onnx.load_from_string(int8).graph
    weights = {value.name: value for value in graph.initializer}
    dequantised = {
        node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"
    }
    for node in (node for node in graph.node if node.op_type == "Conv"):
        source = dequantised[node.input[1]]
        assert weights[source.input[0]].data_type == onnx.TensorProto.INT8
        assert weights[source.input[1]].dims == [weights[source.input[0]].dims[0]]


def test_int8_weights_keep_to_seven_bits(int8: bytes) -> None:
    values = [
        onnx.numpy_helper.to_array(value)
        for value in onnx.load_from_string(int8).graph.initializer
        if value.data_type == onnx.TensorProto.INT8 and len(value.dims) == 4
    ]
    assert max(np.abs(value.astype(int)).max() for value in values) <= 64


def test_the_default_network_fits_into_600_kilobytes() -> None:
    crop = Options().crop
    faces = np.random.default_rng(0).integers(0, 256, (2, 3, crop.size, crop.size, 3), np.uint8)
    fp32 = export.to_onnx(MiniFASNet(NetSpec()).eval())
    int8 = export.quantise(fp32, faces, crop)
    assert len(int8) <= 600_000
    assert export.p_live(int8, faces, crop).shape == (2,)


@pytest.mark.parametrize(("reduce_range", "levels"), [(True, 64), (False, 127)])
def test_weights_keep_to_steps_and_biases_make_up_for_it(
    net: MiniFASNet, faces: np.ndarray, reduce_range: bool, levels: int
) -> None:
    made, exact = export.rounded(net, faces, CROP, reduce_range), export.folded(net)
    weight = made.conv1.conv.weight
    steps = weight / weight.abs().amax((1, 2, 3), keepdim=True) * levels
    torch.testing.assert_close(steps, steps.round(), atol=1e-3, rtol=0)
    means: list[torch.Tensor] = []
    with torch.inference_mode():
        for each in (exact, made):
            layer = each.get_submodule("conv_5.model.1.project.conv")
            layer.register_forward_hook(lambda _m, _i, out: means.append(out.mean((0, 2, 3))))
            each(torch.from_numpy(tensor(faces, CROP)))
    torch.testing.assert_close(means[0], means[1], atol=1e-4, rtol=1e-3)
    assert torch.equal(exact.conv1.conv.weight, export.folded(net).conv1.conv.weight)


def test_int8_scores_stay_near_fp32(fp32: bytes, int8: bytes, faces: np.ndarray) -> None:
    exact, rounded = (export.p_live(model, faces, CROP) for model in (fp32, int8))
    found = export.parity(rounded.astype(float), exact.astype(float), 0.5)
    assert found.faces == 24
    assert found.mean < 0.01


def test_a_quantisation_that_changes_scores_is_refused() -> None:
    with pytest.raises(export.ParityError, match="differ"):
        export.parity(np.full(4, 0.9), np.full(4, 0.1), 0.5)


def test_parity_without_faces_is_refused() -> None:
    with pytest.raises(export.ParityError, match="no face"):
        export.parity(np.empty(0), np.empty(0), 0.5)


def test_golden_vectors_are_generated_and_repeat(int8: bytes) -> None:
    first, second = (export.golden(int8, CROP, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.patches, second.patches)
    np.testing.assert_array_equal(first.p_live, second.p_live)
    assert first.patches.shape == (6, 2, 32, 32, 3)
    assert first.p_live.max() > first.p_live.min()


@pytest.mark.parametrize("scoring", [Scoring(mirror=True), Scoring(turn=True)])
def test_a_face_and_its_mirror_image_have_one_score(
    scoring: Scoring, fp32: bytes, faces: np.ndarray, tmp_path: Path
) -> None:
    golden = export.golden(fp32, CROP, scoring=scoring)
    facts = {
        "name": "mirrored",
        "classes": ["spoof", "live"],
        "preprocessing": bundles.preprocessing(CROP),
        "threshold": {"value": 0.5, "target": "none", "bona_fide": 0, "attacks": 0},
    }
    says = {"scoring": asdict(scoring)}
    same = LivenessModel(bundles.write(tmp_path / "a", fp32, facts | says, golden))
    flipped = faces[..., ::-1, :]
    np.testing.assert_allclose(same.score(faces), same.score(flipped), atol=1e-6)
    np.testing.assert_allclose(
        same.score(faces), export.p_live(fp32, faces, CROP, scoring), atol=1e-6
    )
    one = LivenessModel(bundles.write(tmp_path / "b", fp32, facts, export.golden(fp32, CROP)))
    assert np.abs(one.score(faces) - one.score(flipped)).max() > 1e-4
    for wrong, why in (
        ({"mirror": "yes"}, "mirror must be true or false"),
        ({"tilt": True}, "tilt"),
    ):
        with pytest.raises(BundleError, match=why):
            bundles.write(tmp_path / "c", fp32, facts | {"scoring": wrong}, golden)


def test_the_brighter_side_is_turned_left() -> None:
    face = np.zeros((1, 2, 16, 16, 3), np.uint8)
    face[:, 1, :, 11:] = 200
    found = turned(np.concatenate([face, face[..., ::-1, :]]))
    assert (found[:, 1, :, :5] == 200).all()
    assert not found[..., 5:, :].any()
