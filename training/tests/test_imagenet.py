"""Training that begins with what an ImageNet network knows."""

import io
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from liveness.engine import weights
from liveness.engine.crops import CropSpec
from training.fas import imagenet
from training.fas.checkpoints import CheckpointError
from training.fas.nets import MiniFASNet, NetSpec, TrainingNet, pool

NET = NetSpec(imagenet.ARCH, patches=2, size=80, activation="relu6")
CROP = CropSpec((2.7, 4.0), 80, border="inside")


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    """The published weights, as they are."""
    data = io.BytesIO(weights.read(imagenet.PUBLISHED))
    found: dict[str, Tensor] = torch.load(data, weights_only=True)
    return found


def test_the_layers_compute_what_efficientnet_computes(published: dict[str, Tensor]) -> None:
    net = TrainingNet(NET)
    imagenet.start(NET, CROP).put_into(net)
    pixels = torch.randint(0, 256, (2, 3, 256, 256), generator=torch.manual_seed(1)).float()
    with torch.inference_mode():
        found: list[Tensor] = []
        for name in ("conv_4", "conv_5", "conv_56"):
            stage = net.net.get_submodule(name)
            stage.register_forward_hook(lambda _module, _given, made: found.append(made))
        net.eval().net.features(pixels.reshape(1, 6, 256, 256) / 255)
        expected = _efficientnet(published, (pixels.flip(1) - 127) / 128)
    for mine, its in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, its, atol=1e-2, rtol=1e-3)
        assert its.std() > 0.1


def test_the_last_layers_stay_fresh_and_no_camera_was_seen() -> None:
    start = imagenet.start(NET, CROP)
    fresh, net = TrainingNet(NET), TrainingNet(NET)
    net.load_state_dict(fresh.state_dict())
    start.put_into(net)
    assert torch.equal(net.net.prob.weight, fresh.net.prob.weight)
    assert not torch.equal(net.net.conv1.conv.weight, fresh.net.conv1.conv.weight)
    start.check_unseen(["cam01"])


def test_another_network_or_preprocessing_is_refused() -> None:
    with pytest.raises(CheckpointError, match="are for minifasnet_lite"):
        imagenet.start(replace(NET, arch="minifasnet_v2"), CROP)
    with pytest.raises(CheckpointError, match="BGR"):
        imagenet.start(NET, replace(CROP, channels="RGB"))


def test_a_package_that_is_missing_or_damaged_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for change, words in (
        ({"sha256": "0" * 64}, "does not match its SHA-256"),
        ({"distribution": "no-such-package"}, "no-such-package is not installed.*make trainer"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(imagenet, "PUBLISHED", replace(imagenet.PUBLISHED, **change))
            with pytest.raises(CheckpointError, match=words):
                imagenet.start(NET, CROP)


def test_patches_go_one_after_the_other_through_the_same_layers() -> None:
    net, one = MiniFASNet(NET).eval(), MiniFASNet(replace(NET, patches=1)).eval()
    one.load_state_dict({k: v for k, v in net.state_dict().items() if "conv" in k}, strict=False)
    faces = torch.rand(2, 6, 80, 80, generator=torch.manual_seed(2))
    with torch.inference_mode():
        middle, last = net.features(faces)
        alone = [one.features(faces[:, n : n + 3])[1] for n in (0, 3)]
    assert (middle.shape, last.shape) == ((2, 2 * 40, 10, 10), (2, 2 * 3 * (24 + 40 + 80 + 112)))
    stages = [part.split([3 * 24, 3 * 40, 3 * 80, 3 * 112], dim=1) for part in alone]
    woven = [part for stage in zip(*stages, strict=True) for part in stage]
    torch.testing.assert_close(last, torch.cat(woven, dim=1))


def test_what_it_knows_of_the_world_is_not_normalised_by_a_few_faces() -> None:
    net = TrainingNet(NET, 1)
    imagenet.start(NET, CROP).put_into(net)
    faces = torch.rand(4, 6, 80, 80, generator=torch.manual_seed(3))
    before = net.net.conv1.bn.running_mean.clone()
    with torch.no_grad():
        in_training = net.train().net.features(faces)
        judged = net.eval().net.features(faces)
    torch.testing.assert_close(in_training, judged)
    assert torch.equal(net.net.conv1.bn.running_mean, before)


def test_pooled_maps_are_mean_maximum_and_deviation() -> None:
    x = torch.tensor([[[[1.0, 3.0]], [[2.0, 2.0]]]])
    torch.testing.assert_close(pool(x), torch.tensor([[2.0, 2, 3, 2, 1, 0]]))
    flat = torch.ones(1, 1, 2, 2, requires_grad=True)
    pool(flat).sum().backward()
    assert flat.grad is not None
    assert flat.grad.isfinite().all()


def _efficientnet(saved: dict[str, Tensor], x: Tensor) -> list[Tensor]:
    """Blocks of EfficientNet-Lite0 from their weights: the maps after the fifth, the eighth and the ninth."""

    def layer(x: Tensor, conv: str, bn: str, stride: int = 1, act: bool = True) -> Tensor:
        kernel = saved[f"{conv}.weight"]
        groups = x.shape[1] if kernel.shape[1] == 1 else 1
        x = functional.conv2d(x, kernel, None, stride, kernel.shape[-1] // 2, groups=groups)
        mean, var = saved[f"{bn}.running_mean"], saved[f"{bn}.running_var"]
        gain, bias = saved[f"{bn}.weight"], saved[f"{bn}.bias"]
        x = functional.batch_norm(x, mean, var, gain, bias, eps=1e-3)
        return x.clamp(0, 6) if act else x

    x = layer(x, "_conv_stem", "_bn0", 2)
    maps = []
    for n in range(9):
        block, before = f"_blocks.{n}.", x
        if n:
            x = layer(x, f"{block}_expand_conv", f"{block}_bn0")
        x = layer(x, f"{block}_depthwise_conv", f"{block}_bn1", 2 if n in (1, 3, 5) else 1)
        x = layer(x, f"{block}_project_conv", f"{block}_bn2", act=False)
        x = x + before if x.shape == before.shape else x
        maps.append(x)
    return [maps[4], maps[7], maps[8]]
