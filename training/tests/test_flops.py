"""Our tables cost what their papers say. Silent-Face's README: FLOPs and parameters at 80 px, three classes."""

import pytest
from torch import nn

from training.fas import flops
from training.fas.nets import NetSpec


def _published(arch: str, size: int = 80) -> flops.Cost:
    return flops.of_spec(NetSpec(arch, patches=1, size=size, classes=3, activation="prelu"))


@pytest.mark.parametrize(
    ("arch", "operations", "parameters"),
    [
        ("minifasnet_v1", 0.081e9, 0.414e6),
        ("minifasnet_v2", 0.081e9, 0.435e6),
        ("minifasnet_v1se", 0.081e9, 0.434e6),
        ("minifasnet_v2se", 0.081e9, 0.454e6),
        ("mobilefacenet", 0.224e9, 0.991e6),
    ],
)
def test_a_table_costs_what_was_published(arch: str, operations: float, parameters: float) -> None:
    cost = _published(arch)
    assert cost.operations == pytest.approx(operations, rel=0.01)
    assert cost.parameters == pytest.approx(parameters, abs=600)


def test_mobilefacenet_at_112_pixels_has_the_macs_of_its_paper() -> None:
    assert _published("mobilefacenet", 112).macs == pytest.approx(221e6, rel=0.001)


def test_the_fast_table_saves_a_quarter_and_stays_small() -> None:
    fast, v2 = (flops.of_spec(NetSpec(arch)) for arch in ("minifasnet_v2_fast", "minifasnet_v2"))
    assert 0.70 <= fast.macs / v2.macs <= 0.75
    assert fast.parameters <= 0.44e6


def test_layers_are_counted_by_hand() -> None:
    net = nn.Sequential(
        nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), nn.Flatten(), nn.Linear(6 * 16, 5)
    )
    cost = flops.of_net(net, (4, 8, 8))
    assert cost.macs == 6 * 2 * 9 * 16 + 96 * 5
    assert cost.parameters == 6 * 2 * 9 + 6 + 96 * 5 + 5


def test_counting_leaves_the_network_as_it_was() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)).train()
    flops.of_net(net, (1, 4, 4))
    assert net.training
    assert not net[0]._forward_hooks
