from pathlib import Path

import numpy as np
import pytest
import torch

from liveness.engine import crops, frames
from liveness.engine.crops import Box
from liveness.engine.faces import RetinaFace
from liveness.engine.weights import WeightsError
from training import predecessors
from training.fas import export, published
from training.fas.nets import MiniFASNet

ANCHORS = Path(__file__).resolve().parents[3] / "shared" / "anchors"
needs_anchors = pytest.mark.skipif(
    not ANCHORS.exists(), reason="the published weights are not on this machine"
)
PICTURE = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)


@pytest.fixture(scope="module")
def theirs() -> list[predecessors.Scorer]:
    return predecessors.open_all(ANCHORS)


@pytest.fixture
def pair(tmp_path: Path) -> list[MiniFASNet]:
    """Both networks with random weights, saved the way the published files are."""
    nets = [MiniFASNet(member.spec).eval() for member in published.PAIR]
    for net, member in zip(nets, published.PAIR, strict=True):
        weights = {f"module.{name}": value for name, value in net.state_dict().items()}
        torch.save(weights, tmp_path / member.file)
    return nets


@needs_anchors
@pytest.mark.parametrize("member", published.PAIR, ids=lambda member: member.arch)
def test_the_published_weights_load_strictly(member: published.Published) -> None:
    net = published.load(ANCHORS / "silentface", member)
    assert net(torch.zeros(1, 3, 80, 80)).isfinite().all()


@needs_anchors
@pytest.mark.parametrize(("sample", "live"), [("F1", False), ("F2", False), ("T1", True)])
def test_the_published_verdicts_come_out(
    theirs: list[predecessors.Scorer], sample: str, live: bool
) -> None:
    folder = ANCHORS / "silentface"
    picture = frames.decode((folder / f"image_{sample}.jpg").read_bytes(), frames.FILE_LIMITS)
    box = RetinaFace(folder).detect(picture)[0].box
    assert [scorer.name for scorer in theirs] == ["seed FP32", "seed INT8", "Silent-Face pair"]
    for scorer in theirs:
        assert (predecessors.score(scorer, picture, box) > 0.5) == live


def test_the_pair_answers_with_the_mean_of_both_softmaxes(
    pair: list[MiniFASNet], tmp_path: Path
) -> None:
    box = Box(60, 40, 30, 40)
    with torch.inference_mode():
        expected = [
            net(torch.from_numpy(published.tensor(published.crop(PICTURE, box, member.scale))))
            .softmax(1)[0, 1]
            .item()
            for net, member in zip(pair, published.PAIR, strict=True)
        ]
    found = predecessors.score(predecessors.SilentFacePair(tmp_path), PICTURE, box)
    assert found == pytest.approx(np.mean(expected), abs=1e-4)


def test_the_seed_sees_one_rgb_patch_and_answers_with_its_first_class(tmp_path: Path) -> None:
    torch.manual_seed(1)
    net, box = MiniFASNet(predecessors.SEED_NET).eval(), Box(60, 40, 30, 40)
    (tmp_path / "seed.onnx").write_bytes(export.to_onnx(net))
    patch = crops.patches(PICTURE, box, crops.CropSpec((1.5,), 128))[0]
    rgb = np.ascontiguousarray(patch[..., ::-1].transpose(2, 0, 1)[None], np.float32) / 255
    with torch.inference_mode():
        expected = net(torch.from_numpy(rgb)).softmax(1)[0, 0].item()
    seed = predecessors.SeedNet("seed", tmp_path / "seed.onnx")
    assert predecessors.score(seed, PICTURE, box) == pytest.approx(expected, abs=1e-4)


def test_the_crop_of_the_pair_keeps_the_shape_of_the_box_and_the_order_of_channels() -> None:
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[60:140, 80:120] = (10, 20, 30)
    exact = published.crop(picture, Box(80, 60, 39, 79), 1.0)
    assert (exact == (10, 20, 30)).all()
    assert published.tensor(exact)[0, :, 0, 0].tolist() == [10, 20, 30]


@pytest.mark.parametrize("corner", [(-20.0, -20.0), (150.0, 110.0)])
def test_a_crop_over_the_edge_moves_inside(corner: tuple[float, float]) -> None:
    box = Box(*corner, 30, 30)
    moved = Box(0, 0, 59, 59) if corner[0] < 0 else Box(100, 60, 59, 59)
    np.testing.assert_array_equal(
        published.crop(PICTURE, box, 59 / 30), published.crop(PICTURE, moved, 1.0)
    )


def test_a_crop_larger_than_the_picture_shrinks_to_it() -> None:
    whole = published.crop(PICTURE, Box(0, 0, 159, 119), 1.0)
    np.testing.assert_array_equal(published.crop(PICTURE, Box(40, 30, 79.5, 59.5), 4.0), whole)


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    member = published.PAIR[0]
    (tmp_path / member.file).write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"MiniFASNetV2\.pth does not hold"):
        published.load(tmp_path, member)


def test_weights_of_another_network_are_refused(pair: list[MiniFASNet], tmp_path: Path) -> None:
    v2, v1se = published.PAIR
    (tmp_path / v2.file).write_bytes((tmp_path / v1se.file).read_bytes())
    with pytest.raises(WeightsError, match="does not hold the published weights"):
        published.load(tmp_path, v2)


def test_a_folder_without_predecessors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="neither a folder seed nor"):
        predecessors.open_all(tmp_path)


def test_a_missing_file_of_a_predecessor_is_named(tmp_path: Path) -> None:
    (tmp_path / "seed").mkdir()
    with pytest.raises(WeightsError, match=r"best_model\.onnx cannot be read"):
        predecessors.open_all(tmp_path)
