import warnings

import numpy as np
import onnx
import pytest
import torch

from liveness.engine.crops import CropSpec
from training.fas import export
from training.fas.nets import MiniFASNet, MixStyle, NetSpec, SqueezeExcite, TrainingNet
from training.fas.tables import FOURIER_STAGE, TABLES

ARCHITECTURES = list(TABLES)


def _restless(spec: NetSpec) -> MiniFASNet:
    """Random weights with batch statistics that differ from their defaults."""
    torch.manual_seed(0)
    net = MiniFASNet(spec).train()
    for _ in range(3):
        net(torch.rand(8, 3 * spec.patches, spec.size, spec.size))
    return net.eval()


@pytest.mark.parametrize("activation", ["relu", "relu6", "prelu"])
@pytest.mark.parametrize(("patches", "size"), [(1, 80), (3, 96), (2, 40)])
def test_any_number_of_patches_and_size_gives_logits(
    activation: str, patches: int, size: int
) -> None:
    net = MiniFASNet(NetSpec(patches=patches, size=size, activation=activation)).eval()
    assert net(torch.rand(2, 3 * patches, size, size)).shape == (2, 2)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_architecture_carries_the_training_heads(arch: str) -> None:
    whole = TrainingNet(NetSpec(arch, size=32), teachers=2).eval()
    inputs = torch.rand(2, 9, 32, 32)
    found = whole(inputs)
    assert found.spectrum.shape == (2, 1, 4, 4)
    assert found.opinions.shape == (2, 2)
    torch.testing.assert_close(found.logits, whole.net(inputs))


def test_without_teachers_there_are_no_opinions_and_no_weights_for_them() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = TrainingNet(NetSpec(size=32)).eval()
    _, _, opinions = whole(torch.rand(2, 9, 32, 32))
    assert opinions.shape == (2, 0)
    assert not [name for name in whole.state_dict() if name.startswith("opinions")]


def test_opinions_and_spectrum_teach_the_network_itself() -> None:
    whole = TrainingNet(NetSpec(size=32), teachers=1)
    _, spectrum, opinions = whole(torch.rand(4, 9, 32, 32))
    for head in (spectrum, opinions):
        whole.zero_grad()
        head.sum().backward(retain_graph=True)
        stem = whole.net.conv1.conv.weight.grad
        assert stem is not None
        assert stem.abs().sum() > 0


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_folding_keeps_the_logits_of_every_architecture(arch: str) -> None:
    net = _restless(NetSpec(arch, patches=1, size=32))
    inputs = torch.rand(4, 3, 32, 32)
    torch.testing.assert_close(export.folded(net)(inputs), net(inputs), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("arch", "chains"), [("minifasnet_v1se", 3), ("minifasnet_v2", 0)])
def test_squeeze_and_excitation_sits_on_the_last_block_of_each_chain(
    arch: str, chains: int
) -> None:
    net = MiniFASNet(NetSpec(arch))
    where = [name for name, part in net.named_modules() if isinstance(part, SqueezeExcite)]
    ends = ["conv_3.model.3.se_module", "conv_4.model.5.se_module", "conv_5.model.1.se_module"]
    assert where == ends[:chains]


def test_squeeze_and_excitation_becomes_integers() -> None:
    crop = CropSpec((1.0,), 32)
    faces = np.random.default_rng(0).integers(0, 256, (4, 1, 32, 32, 3), np.uint8)
    fp32 = export.to_onnx(_restless(NetSpec("minifasnet_v2se", patches=1, size=32)))
    int8 = export.quantise(fp32, faces, crop)
    kinds = [node.op_type for node in onnx.load_from_string(int8).graph.node]
    assert "BatchNormalization" not in kinds
    assert kinds.count("GlobalAveragePool") == kinds.count("Sigmoid") == 3
    exact, rounded = (export.p_live(model, faces, crop) for model in (fp32, int8))
    np.testing.assert_allclose(rounded, exact, atol=0.05)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_fourier_stage_ends_at_an_eighth_of_the_side(arch: str) -> None:
    strides = 2
    for name, rows in TABLES[arch].stages:
        strides *= rows[0].stride
        if name == FOURIER_STAGE:
            assert strides == 8
            return
    pytest.fail("there is no such stage")


def test_mixed_styles_keep_the_content_of_every_map() -> None:
    torch.manual_seed(1)
    maps = torch.rand(6, 4, 8, 8)
    mixed = MixStyle(1.0)(maps)
    assert not torch.allclose(mixed, maps)
    torch.testing.assert_close(_standard(mixed), _standard(maps), atol=1e-3, rtol=1e-3)


def _standard(maps: torch.Tensor) -> torch.Tensor:
    return (maps - maps.mean((2, 3), keepdim=True)) / maps.std((2, 3), keepdim=True)


def test_styles_are_left_alone_outside_training() -> None:
    maps = torch.rand(2, 4, 8, 8)
    assert MixStyle(1.0).eval()(maps) is maps
    plain, styled = TrainingNet(NetSpec(size=32)), TrainingNet(NetSpec(size=32), mixstyle=1.0)
    assert plain.state_dict().keys() == styled.state_dict().keys()
