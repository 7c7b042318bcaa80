from pathlib import Path

import pytest
import torch

from training.fas.nets import MiniFASNet, NetSpec, TrainingNet, parameters

ANCHORS = Path(__file__).resolve().parents[3] / "shared" / "anchors" / "silentface"


@pytest.mark.skipif(not ANCHORS.exists(), reason="the published weights are not on this machine")
def test_the_published_minifasnet_v2_loads_strictly() -> None:
    saved = torch.load(
        ANCHORS / "2.7_80x80_MiniFASNetV2.pth", map_location="cpu", weights_only=True
    )
    weights = {name.removeprefix("module."): value for name, value in saved.items()}
    net = MiniFASNet(NetSpec(patches=1, size=80, classes=3, activation="prelu"))
    net.load_state_dict(weights, strict=True)
    assert net.eval()(torch.zeros(1, 3, 80, 80)).isfinite().all()


def test_the_table_has_the_published_number_of_parameters() -> None:
    published = NetSpec(patches=1, size=80, classes=3, activation="prelu")
    assert parameters(MiniFASNet(published)) == 434_560


@pytest.mark.parametrize("activation", ["relu", "relu6", "prelu"])
@pytest.mark.parametrize(("patches", "size"), [(1, 80), (3, 96), (2, 40)])
def test_any_number_of_patches_and_size_gives_logits(
    activation: str, patches: int, size: int
) -> None:
    net = MiniFASNet(NetSpec(patches=patches, size=size, activation=activation)).eval()
    assert net(torch.rand(2, 3 * patches, size, size)).shape == (2, 2)


def test_the_auxiliary_head_leaves_the_logits_as_they_are() -> None:
    whole = TrainingNet(NetSpec(size=32)).eval()
    inputs = torch.rand(2, 9, 32, 32)
    logits, spectrum = whole(inputs)
    assert spectrum.shape == (2, 1, 4, 4)
    torch.testing.assert_close(logits, whole.net(inputs))
