"""Network architectures as tables of rows. Plain data: no torch.

Sources: Silent-Face-Anti-Spoofing (Minivision, ``MiniFASNet.py``, Apache-2.0), whose MiniFASNets are pruned
MobileFaceNets; Chen et al., "MobileFaceNets", 2018, table 1; squeeze-and-excitation: Hu et al., 2018.
"""

from dataclasses import dataclass, replace

FOURIER_STAGE = "conv_4"
"""The stage at stride 8 whose map the auxiliary head reads; every table has it."""


@dataclass(frozen=True)
class Row:
    """One depthwise block: 1×1 to ``hidden``, depthwise of ``kernel`` with ``stride``, linear 1×1 to ``out``."""

    hidden: int
    out: int
    stride: int = 1
    kernel: int = 3


@dataclass(frozen=True)
class Table:
    """A network as data: a stem, four or more named stages of rows, and the width before the embedding.

    A stage whose first row changes the width or has stride 2 is a single block; any other is a chain of residual blocks.
    ``squeeze``: the last block of every chain has squeeze-and-excitation with this reduction; 0 for none.
    ``shared``: every patch goes alone through the same stages, and their last maps are stacked; otherwise the patches are.
    ``pooled``: the embedding is the mean, maximum and deviation of each channel after these stages, in place of a global
    depthwise convolution after the last; batch normalisation keeps the statistics that it was given.
    """

    stem: int
    stages: tuple[tuple[str, tuple[Row, ...]], ...]
    head: int = 512
    embedding: int = 128
    squeeze: int = 0
    shared: bool = False
    pooled: tuple[str, ...] = ()


def _chain(out: int, *hidden: int) -> tuple[Row, ...]:
    return tuple(Row(width, out) for width in hidden)


_V1 = Table(
    stem=32,
    stages=(
        ("conv_23", (Row(103, 64, 2),)),
        ("conv_3", _chain(64, 13, 26, 13, 52)),
        ("conv_34", (Row(231, 128, 2),)),
        ("conv_4", _chain(128, 154, 52, 26, 52, 26, 26)),
        ("conv_45", (Row(308, 128, 2),)),
        ("conv_5", _chain(128, 26, 26)),
    ),
)

_V2 = Table(
    stem=32,
    stages=(
        ("conv_23", (Row(103, 64, 2),)),
        ("conv_3", _chain(64, 13, 13, 13, 13)),
        ("conv_34", (Row(231, 128, 2),)),
        ("conv_4", _chain(128, 231, 52, 26, 77, 26, 26)),
        ("conv_45", (Row(308, 128, 2),)),
        ("conv_5", _chain(128, 26, 26)),
    ),
)

_V2_EVEN = Table(
    stem=32,
    stages=(
        ("conv_23", (Row(96, 64, 2),)),
        ("conv_3", _chain(64, 16, 16, 16, 16)),
        ("conv_34", (Row(224, 128, 2),)),
        ("conv_4", _chain(128, 224, 48, 32, 80, 32, 32)),
        ("conv_45", (Row(304, 128, 2),)),
        ("conv_5", _chain(128, 32, 32)),
    ),
)

_V2_FAST = Table(
    stem=32,
    stages=(
        ("conv_23", (Row(64, 48, 2),)),
        ("conv_3", _chain(48, 32, 32)),
        ("conv_34", (Row(128, 128, 2),)),
        ("conv_4", _chain(128, 160, 32, 32, 64, 32)),
        ("conv_45", (Row(288, 128, 2),)),
        ("conv_5", _chain(128, 96, 96)),
    ),
)

_LITE = Table(
    stem=32,
    stages=(
        ("conv_23", (Row(96, 24, 2),)),
        ("conv_3", (Row(144, 24),)),
        ("conv_34", (Row(144, 40, 2, 5),)),
        ("conv_4", (Row(240, 40, 1, 5),)),
        ("conv_45", (Row(240, 80, 2),)),
        ("conv_5", (Row(480, 80), Row(480, 80))),
        ("conv_56", (Row(480, 112, 1, 5),)),
    ),
    shared=True,
    pooled=("conv_3", "conv_4", "conv_5", "conv_56"),
)

_MOBILEFACENET = Table(
    stem=64,
    stages=(
        ("conv_23", (Row(128, 64, 2),)),
        ("conv_3", _chain(64, *4 * [128])),
        ("conv_34", (Row(256, 128, 2),)),
        ("conv_4", _chain(128, *6 * [256])),
        ("conv_45", (Row(512, 128, 2),)),
        ("conv_5", _chain(128, *2 * [256])),
    ),
)

TABLES: dict[str, Table] = {
    "minifasnet_v1": _V1,
    "minifasnet_v2": _V2,
    "minifasnet_v1se": replace(_V1, squeeze=4),
    "minifasnet_v2se": replace(_V2, squeeze=4),
    "minifasnet_v2_even": _V2_EVEN,
    "minifasnet_v2_fast": _V2_FAST,
    "minifasnet_lite": _LITE,
    "mobilefacenet": _MOBILEFACENET,
}
"""Known networks. V1 and V2 are the published channel lists ``1.8M`` and ``1.8M_``, the SE variants have V1's and V2's.

Integer kernels work on sixteen channels at a time, so the odd widths that pruning left cost more than they compute.
``minifasnet_v2_even`` is V2 rounded to sixteens. ``minifasnet_v2_fast`` has also given up width at high resolution,
where most of the time goes, for some at stride 16. ``minifasnet_lite`` has the widths and kernels of the first nine blocks
of EfficientNet-Lite0 (Tan and Le, 2019; Apache-2.0), so that training can begin with what these know of the world
(``training.fas.imagenet``), looks at one patch after the other, and its decision is linear in what it found of each
channel anywhere in the patch. One face of three patches at 80 px, two classes:

===================  =========  ==========
table                MACs       parameters
===================  =========  ==========
minifasnet_v2        43.5 M     0.433 M
minifasnet_v2_even   43.6 M     0.438 M
minifasnet_v2_fast   32.4 M     0.404 M
minifasnet_lite      72.9 M     0.370 M
===================  =========  ==========

``minifasnet_lite`` of two patches at 92 px, as the default network is: 67.0 M, 0.367 M.
"""
