"""The last layer, fitted before everything learns."""

from collections.abc import Iterator

import torch

from training.fas import probe
from training.fas.nets import NetSpec, TrainingNet
from training.fas.source import Batch

NET = NetSpec("minifasnet_lite", patches=1, size=48, activation="relu6", dropout=0.0)


def faces(count: int, batch: int = 16) -> Iterator[Batch]:
    """Bona fide faces are brighter on the whole; the teacher's logit follows, and half of the time there is none."""
    rng = torch.manual_seed(5)
    for _ in range(0, count, batch):
        live = (torch.rand(batch, generator=rng) < 0.5).float()
        noise = 0.2 * torch.rand(batch, 3, 48, 48, generator=rng)
        said = torch.where(torch.rand(batch, generator=rng) < 0.5, 4 * live - 2, torch.nan)
        targets = torch.stack([1 - live, live], dim=1)
        yield Batch(noise + 0.4 * live[:, None, None, None], targets, said[:, None])


def test_the_last_layer_knows_the_classes_and_the_teacher_and_nothing_else_has_changed() -> None:
    torch.manual_seed(1)
    net = TrainingNet(NET, 1)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    probe.fit_head(net, faces(640), faces=320)
    batch = next(faces(16))
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


def test_it_ends_with_the_faces_that_there_are_and_without_teachers() -> None:
    net = TrainingNet(NET, 0)
    silent = (batch._replace(teachers=torch.empty(16, 0)) for batch in faces(32))
    probe.fit_head(net, silent, faces=10_000)
    assert net.net.prob.weight.abs().sum() > 0
