"""The last layer, fitted before everything learns."""

from collections.abc import Iterator

import torch

from training.fas import probe
from training.fas.nets import NetSpec, TrainingNet
from training.fas.source import Batch

NET = NetSpec("minifasnet_lite", patches=1, size=48, activation="relu6", dropout=0.0)


class Faces:
    """A source of bona fide faces that are brighter on the whole; its teacher's logit follows, and half of the time there is none."""

    def __init__(self, teachers: int) -> None:
        self.teachers = teachers

    def __len__(self) -> int:
        return 64

    def batches(
        self, seed: int, epoch: int, size: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Batch]:
        rng = torch.manual_seed(seed + epoch)
        for _ in range(len(self) // size):
            live = (torch.rand(size, generator=rng) < 0.5).float()
            noise = 0.2 * torch.rand(size, 3, 48, 48, generator=rng)
            said = torch.where(torch.rand(size, generator=rng) < 0.5, 4 * live - 2, torch.nan)
            targets = torch.stack([1 - live, live], dim=1)
            opinions = said[:, None].repeat(1, self.teachers)
            yield Batch(noise + 0.4 * live[:, None, None, None], targets, opinions)


def test_the_last_layer_knows_the_classes_and_the_teacher_and_nothing_else_has_changed() -> None:
    torch.manual_seed(1)
    net = TrainingNet(NET, 1)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    probe.fit_head(net, Faces(1), seed=5, batch=16, faces=320)
    batch = next(Faces(1).batches(99, 0, 16))
    with torch.inference_mode():
        found = net.eval()(batch.inputs)
    live = batch.targets[:, 1]
    assert torch.equal(found.logits.argmax(1).float(), live)
    assert (found.opinions[:, 0] - (4 * live - 2)).abs().max() < 1
    changed = {name for name, v in net.state_dict().items() if not torch.equal(v, before[name])}
    assert changed <= {
        *("net.bn.weight", "net.bn.bias", "net.bn.running_mean", "net.bn.running_var"),
        *("net.prob.weight", "opinions.weight", "opinions.bias"),
    }


def test_it_does_without_teachers() -> None:
    net = TrainingNet(NET, 0)
    probe.fit_head(net, Faces(0), seed=5, batch=16, faces=100)
    assert net.net.prob.weight.abs().sum() > 0
