"""MiniFASNet as a table of rows, and the Fourier head that is thrown away after training.

Source of the architecture: Minivision's Silent-Face-Anti-Spoofing (``MiniFASNet.py``, Apache-2.0): a pruned
MobileFaceNet. Module names follow that source, so its published weights load with ``strict=True``.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[int], nn.Module]] = {
    "prelu": nn.PReLU,
    "relu": lambda _: nn.ReLU(inplace=True),
    "relu6": lambda _: nn.ReLU6(inplace=True),
}


@dataclass(frozen=True)
class Row:
    """One depthwise block: 1×1 to ``hidden``, 3×3 depthwise with ``stride``, linear 1×1 to ``out``."""

    hidden: int
    out: int
    stride: int = 1


@dataclass(frozen=True)
class Table:
    """A network as data: a stem, four or more named stages of rows, and the width before the embedding.

    A stage whose first row has stride 2 is a single block; any other stage is a chain of residual blocks.
    """

    stem: int
    stages: tuple[tuple[str, tuple[Row, ...]], ...]
    head: int = 512
    embedding: int = 128


def _residual(out: int, *hidden: int) -> tuple[Row, ...]:
    return tuple(Row(width, out) for width in hidden)


TABLES: dict[str, Table] = {
    "minifasnet_v2": Table(
        stem=32,
        stages=(
            ("conv_23", (Row(103, 64, 2),)),
            ("conv_3", _residual(64, 13, 13, 13, 13)),
            ("conv_34", (Row(231, 128, 2),)),
            ("conv_4", _residual(128, 231, 52, 26, 77, 26, 26)),
            ("conv_45", (Row(308, 128, 2),)),
            ("conv_5", _residual(128, 26, 26)),
        ),
    ),
}
"""Known networks. ``minifasnet_v2`` is the published ``1.8M_`` channel list."""

FOURIER_STAGE = "conv_4"


@dataclass(frozen=True)
class NetSpec:
    """Everything needed to rebuild a network: table name, patches P (3·P channels), side S, classes, activation."""

    arch: str = "minifasnet_v2"
    patches: int = 3
    size: int = 96
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


class DepthWise(nn.Module):
    """Expand, filter each channel, project; ``residual`` adds the input to the output."""

    def __init__(self, cin: int, row: Row, activation: str, *, residual: bool) -> None:
        super().__init__()
        self.conv = ConvBlock(cin, row.hidden, activation=activation)
        self.conv_dw = ConvBlock(
            row.hidden,
            row.hidden,
            3,
            stride=row.stride,
            groups=row.hidden,
            padding=1,
            activation=activation,
        )
        self.project = ConvBlock(row.hidden, row.out)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.conv_dw(self.conv(x)))
        return x + y if self.residual else y


class Residual(nn.Module):
    """A chain of residual depthwise blocks of one width."""

    def __init__(self, cin: int, rows: Sequence[Row], activation: str) -> None:
        super().__init__()
        blocks = [DepthWise(cin, row, activation, residual=True) for row in rows]
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
        self.conv1 = ConvBlock(3 * spec.patches, width, 3, stride=2, padding=1, activation=act)
        self.conv2_dw = ConvBlock(width, width, 3, groups=width, padding=1, activation=act)
        self.names = tuple(name for name, _ in table.stages)
        for name, rows in table.stages:
            self.add_module(name, _stage(width, rows, act))
            width = rows[-1].out
        self.conv_6_sep = ConvBlock(width, table.head, activation=act)
        self.conv_6_dw = ConvBlock(table.head, table.head, -(-spec.size // 16), groups=table.head)
        self.linear = nn.Linear(table.head, table.embedding, bias=False)
        self.bn = nn.BatchNorm1d(table.embedding)
        self.drop = nn.Dropout(spec.dropout)
        self.prob = nn.Linear(table.embedding, spec.classes, bias=False)

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Maps after the Fourier stage (N, C, S/8, S/8) and after the last stage (N, C', S/16, S/16)."""
        x = self.conv2_dw(self.conv1(x))
        middle = x
        for name in self.names:
            x = self.get_submodule(name)(x)
            middle = x if name == FOURIER_STAGE else middle
        return middle, x

    def classify(self, last: Tensor) -> Tensor:
        """Logits (N, classes) from the map after the last stage."""
        flat = self.conv_6_dw(self.conv_6_sep(last)).flatten(1)
        logits: Tensor = self.prob(self.drop(self.bn(self.linear(flat))))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.features(x)[1])


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


class TrainingNet(nn.Module):
    """The network with its auxiliary head: logits (N, classes) and spectrum (N, 1, S/8, S/8)."""

    def __init__(self, spec: NetSpec) -> None:
        super().__init__()
        rows = dict(TABLES[spec.arch].stages)[FOURIER_STAGE]
        self.net = MiniFASNet(spec)
        self.fourier = FourierHead(rows[-1].out)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        middle, last = self.net.features(x)
        return self.net.classify(last), self.fourier(middle)


def parameters(net: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(weights.numel() for weights in net.parameters())


def _stage(cin: int, rows: Sequence[Row], activation: str) -> nn.Module:
    if rows[0].stride == 2:
        return DepthWise(cin, rows[0], activation, residual=False)
    return Residual(cin, rows, activation)
