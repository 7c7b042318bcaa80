"""Networks built from a table of rows, and the heads that are thrown away after training.

Module names follow Minivision's Silent-Face-Anti-Spoofing (``MiniFASNet.py``, Apache-2.0), so its published weights
load with ``strict=True``.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from training.fas.tables import FOURIER_STAGE, TABLES, Row

ACTIVATIONS: dict[str, Callable[[int], nn.Module]] = {
    "prelu": nn.PReLU,
    "relu": lambda _: nn.ReLU(inplace=True),
    "relu6": lambda _: nn.ReLU6(inplace=True),
}


GREY = 127 / 255
"""What pooled maps are taken of sees grey beyond a patch's edges, as an ImageNet network does: black would be an edge of
its own, and the strongest one."""


@dataclass(frozen=True)
class NetSpec:
    """Everything needed to rebuild a network: table name, patches P (3·P channels), side S, classes, activation."""

    arch: str = "minifasnet_v2"
    patches: int = 3
    size: int = 80
    classes: int = 2
    activation: str = "relu"
    dropout: float = 0.2

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class ConvBlock(nn.Module):
    """Convolution, batch normalisation and, unless ``linear``, an activation."""

    def __init__(
        self,
        cin: int,
        cout: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        padding: int = 0,
        activation: str | None = None,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(cout)
        if activation is not None:
            self.prelu = ACTIVATIONS[activation](cout)
        self.linear = activation is None

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn(self.conv(x))
        return y if self.linear else self.prelu(y)


class SqueezeExcite(nn.Module):
    """Weighs each channel by what all of them hold on average: (N, C, H, W) → the same shape."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // reduction)
        self.relu = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.relu(self.bn1(self.fc1(self.avg_pool(x))))
        weights: Tensor = self.sigmoid(self.bn2(self.fc2(squeezed)))
        return x * weights


class DepthWise(nn.Module):
    """Expand, filter each channel, project; ``residual`` adds the input, after squeeze-and-excitation if any."""

    def __init__(
        self, cin: int, row: Row, activation: str, *, residual: bool, squeeze: int = 0
    ) -> None:
        super().__init__()
        self.conv = ConvBlock(cin, row.hidden, activation=activation)
        self.conv_dw = ConvBlock(
            row.hidden,
            row.hidden,
            row.kernel,
            stride=row.stride,
            groups=row.hidden,
            padding=row.kernel // 2,
            activation=activation,
        )
        self.project = ConvBlock(row.hidden, row.out)
        self.residual = residual
        if squeeze:
            self.se_module = SqueezeExcite(row.out, squeeze)
        self.squeeze = squeeze > 0

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.conv_dw(self.conv(x)))
        if self.squeeze:
            y = self.se_module(y)
        return x + y if self.residual else y


class Residual(nn.Module):
    """A chain of residual depthwise blocks of one width; ``squeeze`` belongs to the last."""

    def __init__(self, cin: int, rows: Sequence[Row], activation: str, squeeze: int = 0) -> None:
        super().__init__()
        each = [0] * (len(rows) - 1) + [squeeze]
        blocks = [
            DepthWise(cin, row, activation, residual=True, squeeze=reduction)
            for row, reduction in zip(rows, each, strict=True)
        ]
        self.model = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x)
        return y


class MiniFASNet(nn.Module):
    """Input (N, 3·P, S, S) float32 as ``crops.tensor`` gives it; output logits (N, classes) float32, no softmax."""

    def __init__(self, spec: NetSpec) -> None:
        super().__init__()
        table, act = TABLES[spec.arch], spec.activation
        width = table.stem
        self.spec = spec
        self.apart = spec.patches if table.shared else 1
        channels = 3 * spec.patches // self.apart
        self.conv1 = ConvBlock(channels, width, 3, stride=2, padding=1, activation=act)
        self.conv2_dw = ConvBlock(width, width, 3, groups=width, padding=1, activation=act)
        self.names = tuple(name for name, _ in table.stages)
        for name, rows in table.stages:
            self.add_module(name, _stage(width, rows, act, table.squeeze))
            width = rows[-1].out
        self.pooled = table.pooled
        if self.pooled:
            widths = dict(table.stages)
            self.width = 3 * self.apart * sum(widths[name][-1].out for name in self.pooled)
        else:
            self.conv_6_sep = ConvBlock(width * self.apart, table.head, activation=act)
            self.conv_6_dw = ConvBlock(
                table.head, table.head, -(-spec.size // 16), groups=table.head
            )
            self.linear = nn.Linear(table.head, table.embedding, bias=False)
            self.width = table.embedding
        self.bn = nn.BatchNorm1d(self.width)
        self.drop = nn.Dropout(spec.dropout)
        self.prob = nn.Linear(self.width, spec.classes, bias=False)

    def train(self, mode: bool = True) -> Self:
        """As ever, but where maps are pooled, batch normalisation stays as it is in evaluation: what was learnt from the
        whole world is not to be normalised by a few faces."""
        super().train(mode)
        if self.pooled:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
                    module.eval()
        return self

    def features(self, x: Tensor, style: nn.Module | None = None) -> tuple[Tensor, Tensor]:
        """Maps after the Fourier stage (N, C, S/8, S/8), and after the last stage (N, C', S/16, S/16) or, of a table that
        pools, (N, E) what ``pool`` finds; where patches go apart, those of all of them stacked.

        style: what early maps, of the stem and of the first stage, go through while the network is trained.
        """
        if self.apart > 1:
            x = x.reshape(-1, 3, *x.shape[2:])
        if self.pooled:
            x = x - GREY
        x = self.conv2_dw(self.conv1(x))
        x = middle = x if style is None else style(x)
        found = []
        for name in self.names:
            x = self.get_submodule(name)(x)
            if style is not None and name == self.names[0]:
                x = style(x)
            middle = x if name == FOURIER_STAGE else middle
            if name in self.pooled:
                found.append(self._together(pool(x)))
        last = torch.cat(found, dim=1) if found else self._together(x)
        return self._together(middle), last

    def _together(self, x: Tensor) -> Tensor:
        """(N·P, C, …) → (N, P·C, …) where P patches go apart."""
        return x if self.apart == 1 else x.reshape(-1, self.apart * x.shape[1], *x.shape[2:])

    def embed(self, last: Tensor) -> Tensor:
        """Embedding (N, E), E = ``width``, from the second of what ``features`` gives."""
        flat = (
            last if self.pooled else self.linear(self.conv_6_dw(self.conv_6_sep(last)).flatten(1))
        )
        embedding: Tensor = self.bn(flat)
        return embedding

    def classify(self, embedding: Tensor) -> Tensor:
        """Logits (N, classes) from the embedding."""
        logits: Tensor = self.prob(self.drop(embedding))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.embed(self.features(x)[1]))


def pool(x: Tensor) -> Tensor:
    """(N, C, h, w) → (N, 3·C): each channel's mean, maximum and standard deviation, wherever in the patch they are."""
    flat = x.flatten(2)
    mean = flat.mean(2)
    pixels = x.shape[2] * x.shape[3]
    deviation = torch.linalg.vector_norm(flat - mean[..., None], dim=2) * float(pixels) ** -0.5
    return torch.cat([mean, flat.amax(2), deviation], dim=1)


class MixStyle(nn.Module):
    """Zhou et al., "Domain generalization with MixStyle", 2021: a map keeps its content and takes the mean and deviation
    of its channels from a mixture with another face of the batch, because these are what a camera and a room leave there.

    chance: how often a batch is mixed; mixture: both parameters of the beta distribution. No change in eval mode.
    """

    def __init__(self, chance: float, mixture: float = 0.2) -> None:
        super().__init__()
        self.chance, self.mixture = chance, mixture

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or torch.rand(()) >= self.chance:
            return x
        share = torch.distributions.Beta(self.mixture, self.mixture).sample((len(x), 1, 1, 1))
        share = share.to(x)
        with torch.no_grad():
            mean = x.mean((2, 3), keepdim=True)
            deviation = x.std((2, 3), keepdim=True) + 1e-5
            other = torch.randperm(len(x), device=x.device)
            towards = torch.lerp(mean[other], mean, share)
            width = torch.lerp(deviation[other], deviation, share)
        return (x - mean) / deviation * width + towards


class FourierHead(nn.Module):
    """Predicts the spectrum of the input from a middle map: (N, C, h, w) → (N, 1, h, w), unbounded."""

    def __init__(self, channels: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ConvBlock(channels, channels // 2, 3, padding=1, activation="relu"),
            nn.Conv2d(channels // 2, 1, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class Outputs(NamedTuple):
    """What is fitted: logits (N, classes), spectrum (N, 1, S/8, S/8) and each teacher's logit for live (N, T)."""

    logits: Tensor
    spectrum: Tensor
    opinions: Tensor


class TrainingNet(nn.Module):
    """The network with two heads that only training needs: the spectrum and the guesses at ``teachers`` opinions.

    mixstyle: chance that the styles of early maps are mixed.
    """

    def __init__(self, spec: NetSpec, teachers: int = 0, mixstyle: float = 0.0) -> None:
        super().__init__()
        table = TABLES[spec.arch]
        self.net = MiniFASNet(spec)
        self.fourier = FourierHead(dict(table.stages)[FOURIER_STAGE][-1].out * self.net.apart)
        self.opinions = nn.Linear(self.net.width, teachers) if teachers else None
        self.style = MixStyle(mixstyle) if mixstyle else None

    def forward(self, x: Tensor) -> Outputs:
        middle, last = self.net.features(x, self.style)
        embedding = self.net.embed(last)
        opinions = x.new_zeros(len(x), 0) if self.opinions is None else self.opinions(embedding)
        return Outputs(self.net.classify(embedding), self.fourier(middle), opinions)


def parameters(net: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(weights.numel() for weights in net.parameters())


def _stage(cin: int, rows: Sequence[Row], activation: str, squeeze: int) -> nn.Module:
    if rows[0].stride == 2 or rows[0].out != cin:
        return DepthWise(cin, rows[0], activation, residual=False)
    return Residual(cin, rows, activation, squeeze)
