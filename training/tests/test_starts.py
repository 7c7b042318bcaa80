"""Training that begins with another run's weights, and knows what these have seen."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from training.fas import loop, starts
from training.fas.checkpoints import CheckpointError
from training.fas.data import LeakError
from training.fas.nets import TrainingNet
from training.fas.starts import Start
from training.tests.toys import CROP, NET, Toy, fitter


@pytest.fixture(scope="module")
def best(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run that learnt from cameras a and b."""
    return fitter(tmp_path_factory.mktemp("first"), domains=("a", "b")).run()


@pytest.fixture(scope="module")
def packed(best: Path) -> Path:
    target = best.with_name("start.npz")
    assert starts.pack(best, target) == target.stat().st_size < best.stat().st_size / 6
    return target


def first_loss(folder: Path, start: Start | None) -> float:
    run = fitter(folder, epochs=1, rate=1e-7, start=start)
    run.run()
    loss: float = torch.load(folder / loop.LAST, weights_only=True)["history"][0]["loss"]
    return loss


@pytest.mark.parametrize("kind", ["best", "packed"])
def test_a_run_goes_on_from_the_averaged_network(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    start = starts.read(request.getfixturevalue(kind), NET, CROP)
    fresh, begun = TrainingNet(NET, 1), TrainingNet(NET, 1)
    start.put_into(begun)
    pairs = list(zip(begun.state_dict().items(), start.weights.values(), strict=True))
    assert all(torch.equal(mine, its) for (_, mine), its in pairs)
    assert not torch.equal(fresh.net.linear.weight, begun.net.linear.weight)
    fitter(tmp_path / "long", epochs=20).run()
    trained = starts.read(tmp_path / "long" / loop.BEST, NET, CROP)
    assert first_loss(tmp_path / "b", trained) < 0.9 * first_loss(tmp_path / "a", None)


def test_layers_with_given_weights_can_learn_at_a_rate_of_their_own(
    packed: Path, tmp_path: Path
) -> None:
    whole = starts.read(packed, NET, CROP)
    given = {name: value for name, value in whole.weights.items() if "net.conv1." in name}
    start = replace(whole, weights=given, partial=True)
    kernel = "net.conv1.conv.weight"
    for share in (0.0, 1.0):
        run = fitter(tmp_path / str(share), epochs=1, start=start, start_rate=share).run()
        learnt = starts.read(run, NET, CROP).weights
        assert torch.equal(learnt[kernel], given[kernel]) == (share == 0)
        assert not torch.equal(learnt["net.linear.weight"], whole.weights["net.linear.weight"])
    with pytest.raises(CheckpointError, match="does not fit"):
        replace(start, partial=False).put_into(TrainingNet(NET, 1))


@pytest.mark.parametrize("keep", [0.0, 0.25, 1.0])
def test_weights_are_tied_to_those_they_began_with(
    keep: float, packed: Path, tmp_path: Path
) -> None:
    start = starts.read(packed, NET, CROP)
    run = fitter(tmp_path, domains=("c",), start=start).run()
    path = starts.tied(run, start, keep)
    assert path.name == starts.TIED
    learnt, found = (starts.read(each, NET, CROP) for each in (run, path))
    for name, share in (
        ("net.conv1.conv.weight", 1.0),
        ("net.conv_34.conv.conv.weight", 0.0),
        ("net.linear.weight", keep),
    ):
        before, after = start.weights[name], learnt.weights[name]
        assert not torch.equal(before, after)
        torch.testing.assert_close(found.weights[name], (1 - share) * after + share * before)
    assert found.domains == learnt.domains == ("a", "b", "c")


def test_the_small_file_rounds_to_sixteen_bits(best: Path, packed: Path) -> None:
    whole, small = (starts.read(path, NET, CROP).weights for path in (best, packed))
    assert whole.keys() == small.keys()
    for name, value in whole.items():
        torch.testing.assert_close(small[name], value, rtol=1e-3, atol=1e-6, check_dtype=True)


def test_weights_remember_every_camera_that_they_saw(packed: Path, tmp_path: Path) -> None:
    start = starts.read(packed, NET, CROP)
    assert start.domains == ("a", "b")
    start.check_unseen({"c"})
    with pytest.raises(LeakError, match=r"start\.npz has learnt from b, which this run holds out"):
        start.check_unseen({"b", "c"})
    further = fitter(tmp_path, epochs=1, start=start, domains=("b", "c")).run()
    assert starts.read(further, NET, CROP).domains == ("a", "b", "c")


def test_a_resumed_run_does_not_begin_again(packed: Path, tmp_path: Path) -> None:
    start = starts.read(packed, NET, CROP)
    fitter(tmp_path, start=start).run()
    done = torch.load(tmp_path / loop.LAST, weights_only=True)
    fitter(tmp_path, start=start).run(resume=True)
    again = torch.load(tmp_path / loop.LAST, weights_only=True)
    assert torch.equal(done["model"]["net.linear.weight"], again["model"]["net.linear.weight"])


def test_heads_for_other_teachers_stay_fresh(best: Path) -> None:
    start = starts.read(best, NET, CROP)
    for teachers in (0, 3):
        net = TrainingNet(NET, teachers)
        start.put_into(net)
        assert torch.equal(net.net.linear.weight, start.weights["net.linear.weight"])


def test_dropout_may_differ_and_nothing_else(best: Path, tmp_path: Path) -> None:
    assert starts.read(best, replace(NET, dropout=0.5), CROP)
    for net, crop in (
        (replace(NET, activation="relu6"), CROP),
        (replace(NET, arch="minifasnet_v1"), CROP),
        (NET, replace(CROP, border="inside")),
    ):
        with pytest.raises(CheckpointError, match="another network or preprocessing"):
            starts.read(best, net, crop)
    run = fitter(tmp_path, Toy(teachers=1), start=Start(best, {"net.none": torch.zeros(1)}, ()))
    with pytest.raises(CheckpointError, match="does not fit this network"):
        run.run()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"nonsense"])
@pytest.mark.parametrize("suffix", ["npz", "pt"])
def test_a_damaged_or_missing_start_is_refused_in_words(
    content: bytes, suffix: str, packed: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"start.{suffix}"
    with pytest.raises(CheckpointError, match=r"start\.\w+ cannot be read"):
        starts.read(path, NET, CROP)
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        starts.read(path, NET, CROP)


def test_a_truncated_start_is_refused(packed: Path, tmp_path: Path) -> None:
    path = tmp_path / "start.npz"
    path.write_bytes(packed.read_bytes()[:-4000])
    with pytest.raises(CheckpointError, match="damaged"):
        starts.read(path, NET, CROP)
