"""Rewritten networks find and say what the same files find and say in OpenCV."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from liveness.engine import frames, graphs, weights
from liveness.engine.faces import SFace, YuNet, _yunet_rows, aligned, similarity
from liveness.engine.frames import Picture

_FOLDER = Path(__file__).parents[3] / "portal" / "demo" / "portraits"
PORTRAITS = sorted(path.stem for path in _FOLDER.glob("*.jpg"))
_EMPTY = np.zeros(0, np.uint8)


def _portrait(name: str, width: int = 640, height: int = 480) -> Picture:
    picture = frames.decode((_FOLDER / f"{name}.jpg").read_bytes(), frames.FILE_LIMITS)
    return frames.fit(picture, width, height)


def _opencv_rows(picture: Picture, min_score: float = 0.7) -> np.ndarray:
    """OpenCV's own rows, largest first; the picture is small enough to be taken as it is."""
    data = np.frombuffer(weights.read(weights.YUNET), np.uint8)
    size = picture.shape[1], picture.shape[0]
    network = cv2.FaceDetectorYN.create("onnx", data, _EMPTY, size, min_score)
    rows = network.detect(picture)[1]
    assert rows is not None
    return np.array(sorted(rows, key=lambda row: -row[2] * row[3]))


@pytest.fixture(scope="module")
def yunet() -> YuNet:
    return YuNet()


@pytest.fixture(scope="module")
def sface() -> SFace:
    return SFace()


@pytest.mark.parametrize("name", PORTRAITS)
@pytest.mark.parametrize("size", [(320, 240), (300, 200), (213, 320)])
def test_the_detector_finds_what_opencv_finds(
    yunet: YuNet, name: str, size: tuple[int, int]
) -> None:
    picture = _portrait(name, *size)
    theirs, ours = _opencv_rows(picture), yunet.detect(picture)
    assert len(ours) == len(theirs) > 0
    for row, face in zip(theirs, ours, strict=True):
        box = face.box.x, face.box.y, face.box.w, face.box.h
        assert face.landmarks is not None
        assert np.abs(row[:14] - [*box, *face.landmarks.ravel()]).max() < 0.01
        assert abs(row[14] - face.score) < 1e-4


def test_the_detectors_heads_are_one_convolution_wide_and_say_the_same() -> None:
    free = graphs.rewritten(weights.read(weights.YUNET), free_size=True)
    parts = [f"{part}_16" for part in ("cls", "obj", "bbox", "kps")]
    before = graphs.open_session(free)
    after = graphs.open_session(graphs.with_joined_heads(free, {"all": parts}))
    feed = {"input": cv2.dnn.blobFromImage(_portrait("collins", 96, 64))}
    (joined,) = after.run(None, feed)
    assert joined.shape == (1, 16, 4, 6)
    values = joined.reshape(16, -1).T
    values[:, :2] = 1 / (1 + np.exp(-values[:, :2]))
    want = np.concatenate([part[0] for part in before.run(parts, feed)], axis=1)
    np.testing.assert_allclose(values, want, atol=1e-4)


def test_heads_that_see_different_features_are_not_joined() -> None:
    free = graphs.rewritten(weights.read(weights.YUNET), free_size=True)
    for parts in (["cls_8", "obj_16"], ["cls_64"]):
        with pytest.raises(graphs.GraphError):
            graphs.with_joined_heads(free, {"all": parts})


@pytest.mark.parametrize("least", [0.05, 0.5, 0.7, 0.99])
def test_no_face_is_lost_by_comparing_logits_first(least: float) -> None:
    values = np.random.default_rng(3).normal(0, 3, (16, 5000)).astype(np.float32)
    values[:, :200] = np.abs(values[:, :200])
    chances = 1 / (1 + np.exp(-values[:2].astype(np.float64)))
    wanted = np.sqrt(chances.prod(axis=0)) >= least
    rows = _yunet_rows(values, np.ones((3, 5000), np.float32), least)
    assert len(rows) == wanted.sum() > 0
    assert rows[:, 14] == pytest.approx(np.sqrt(chances.prod(axis=0))[wanted], abs=1e-6)


def test_overlapping_faces_are_one_face(yunet: YuNet) -> None:
    picture = _portrait("collins", 320, 240)
    assert len(_opencv_rows(picture, 0.0001)) >= len(yunet.detect(picture)) == 1


@pytest.mark.parametrize("name", PORTRAITS)
def test_the_embedder_says_what_opencv_says(yunet: YuNet, sface: SFace, name: str) -> None:
    picture = _portrait(name)
    face = yunet.detect(picture)[0]
    data = np.frombuffer(weights.read(weights.SFACE), np.uint8)
    network = cv2.FaceRecognizerSF.create("onnx", data, _EMPTY)
    assert face.landmarks is not None
    row = [face.box.x, face.box.y, face.box.w, face.box.h, *face.landmarks.ravel(), face.score]
    straight = network.alignCrop(picture, np.array(row, np.float32))
    theirs = network.feature(straight).ravel().astype(np.float32)
    theirs /= np.linalg.norm(theirs)
    assert np.abs(straight.astype(int) - aligned(picture, face.landmarks)).mean() < 0.05
    assert similarity(theirs, sface.embed(picture, face)) > 0.9999
    assert np.abs(theirs - sface.embed_aligned(np.asarray(straight, np.uint8))).max() < 1e-4


def test_no_prelu_is_left_in_the_embedder() -> None:
    rewritten = onnx.load_model_from_string(graphs.rewritten(weights.read(weights.SFACE)))
    kinds = {node.op_type for node in rewritten.graph.node}
    assert {"PRelu", "DequantizeLinear", "Dropout"}.isdisjoint(kinds)


@pytest.mark.parametrize("channels", [2, 40])
def test_a_slope_may_be_negative_or_above_one(channels: int) -> None:
    """Both ways to write PRelu: a cheap convolution that runs twice, and a dear one that does not."""
    model, picture = _chain(channels), np.linspace(-1, 1, 3 * 36, dtype=np.float32)
    before = graphs.open_session(model)
    after = graphs.open_session(graphs.rewritten(model))
    feed = {"picture": picture.reshape(1, 3, 6, 6)}
    want, got = before.run(None, feed)[0], after.run(None, feed)[0]
    assert want.min() < 0 < want.max()
    np.testing.assert_allclose(got, want, atol=1e-5)


def _chain(channels: int) -> bytes:
    """A convolution of 3 to ``channels`` and one back, each normalised, then PRelu with slopes from -1 to 2."""
    rng = np.random.default_rng(3)
    nodes, tensors, source = [], [], "picture"
    for step, (inputs, outputs) in enumerate([(3, channels), (channels, 3)]):
        names = [f"{part}{step}" for part in ("w", "gamma", "beta", "mean", "var", "slope")]
        values = [rng.normal(size=(outputs, inputs, 3, 3)) / inputs, *rng.random((4, outputs))]
        values.append(np.linspace(-1, 2, outputs).reshape(-1, 1, 1))
        tensors += [
            numpy_helper.from_array(np.asarray(value, np.float32), name)
            for name, value in zip(names, values, strict=True)
        ]
        nodes += [
            helper.make_node("Conv", [source, names[0]], [f"y{step}"], pads=[1, 1, 1, 1]),
            helper.make_node("BatchNormalization", [f"y{step}", *names[1:5]], [f"n{step}"]),
            helper.make_node("PRelu", [f"n{step}", names[5]], [f"z{step}"]),
        ]
        source = f"z{step}"
    shape = [1, 3, 6, 6]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("picture", "z1")
    ]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    return bytes(model.SerializeToString())


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    file = tmp_path / "detector.onnx"
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(weights.WeightsError, match="detector cannot be used"):
        YuNet(file)
