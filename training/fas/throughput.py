"""How fast a training step is, beside the step that Silent-Face's authors published: same machine, same run, one thread.

Theirs (Minivision, Silent-Face-Anti-Spoofing, ``train_main.py``, ``MultiFTNet.py``): MiniFASNetV2 with PReLU, NCHW,
stochastic gradient descent with momentum, three classes, 0.5·cross-entropy + 0.5·mean squared error of a Fourier branch
of three convolutions. Its spectrum target is free of charge here, ours is computed within the step.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.fas import losses
from training.fas.loop import Average, keep_memory
from training.fas.nets import MiniFASNet, NetSpec, TrainingNet
from training.fas.source import Batch

Step = Callable[[], None]
_ROUNDS = 12


@dataclass(frozen=True)
class Throughput:
    """Faces a second, from the median of the processor's seconds of a step."""

    ours: float
    theirs: float
    theirs_keeping_memory: float

    def __str__(self) -> str:
        return (
            f"ours                           {self.ours:7.1f} samples/s\n"
            f"Silent-Face's recipe           {self.theirs:7.1f} samples/s   ours is {self.ours / self.theirs:.2f} times as fast\n"
            f"the same, and memory is kept   {self.theirs_keeping_memory:7.1f} samples/s   "
            f"ours is {self.ours / self.theirs_keeping_memory:.2f} times as fast"
        )


def measure(spec: NetSpec, batch: int, rounds: int = _ROUNDS) -> Throughput:
    """Time both in turn, fp32, one thread. Theirs also before this process is told to keep its memory, as we do."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    faces = torch.rand(batch, 3 * spec.patches, spec.size, spec.size)
    theirs = published_step(faces, spec)
    plain = _median([theirs], rounds)[0]
    keep_memory()
    mine, kept = _median([our_step(faces, spec), theirs], rounds)
    return Throughput(batch / mine, batch / plain, batch / kept)


def our_step(faces: Tensor, spec: NetSpec) -> Step:
    """A whole step as ``loop`` takes it, the moving average included."""
    form = torch.channels_last
    model, average = (TrainingNet(spec).to(memory_format=form) for _ in range(2))
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    targets = torch.full((len(faces), spec.classes), 1 / spec.classes)
    batch = Batch(faces, targets, torch.empty(len(faces), 0))
    following = Average(average, model)

    def step() -> None:
        rows = batch._replace(inputs=batch.inputs.contiguous(memory_format=form))
        optimiser.zero_grad()
        losses.loss(model(rows.inputs), rows, losses.Weights()).total.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0, foreach=True)
        optimiser.step()
        following.follow(0.998)

    return step


class PublishedNet(nn.Module):
    """MiniFASNetV2 as published, with its Fourier branch."""

    def __init__(self, spec: NetSpec) -> None:
        super().__init__()
        self.net = MiniFASNet(
            NetSpec("minifasnet_v2", spec.patches, spec.size, classes=3, activation="prelu")
        )
        layers: list[nn.Module] = []
        for cin, cout in ((128, 128), (128, 64), (64, 1)):
            layers += [nn.Conv2d(cin, cout, 3, padding=1), nn.BatchNorm2d(cout), nn.ReLU(True)]
        self.branch = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        middle, last = self.net.features(x)
        return self.net.classify(self.net.embed(last)), self.branch(middle)


def published_step(faces: Tensor, spec: NetSpec) -> Step:
    """One step of the published recipe on the same faces."""
    model = PublishedNet(spec)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    labels = torch.arange(len(faces)) % 3
    target = torch.rand(model(faces)[1].shape)

    def step() -> None:
        optimiser.zero_grad()
        logits, spectrum = model(faces)
        loss = functional.cross_entropy(logits, labels)
        (0.5 * loss + 0.5 * functional.mse_loss(spectrum, target)).backward()
        optimiser.step()

    return step


def _median(steps: list[Step], rounds: int) -> list[float]:
    """Median seconds of each step, taken in turn. Processor time: other load on the machine counts less."""
    times: list[list[float]] = [[] for _ in steps]
    for number in range(rounds + 2):
        for step, spent in zip(steps, times, strict=True):
            began = time.process_time()
            step()
            if number >= 2:
                spent.append(time.process_time() - began)
    return [median(spent) for spent in times]
