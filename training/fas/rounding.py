"""Weights of seven bits that give what the network gave: rounded one after the other, each making up for those before it.

Frantar et al., "GPTQ: accurate post-training quantization for generative pre-trained transformers", 2023, after Hassibi and
Stork, "Optimal brain surgeon", 1993; the biases after Nagel et al., "Data-free quantization through weight equalization and
bias correction", 2019.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.fas.nets import ConvBlock, MiniFASNet

LEVELS = {True: 64, False: 127}
"""Steps between zero and the largest weight of a channel, by whether weights keep to seven bits."""
_POSITIONS = 48
"""Places of each map at which is seen what a layer is given."""
_AT_ONCE = 32
_DAMPING = 0.01
"""Added to the diagonal, as a share of its mean: what the faces do not show is not known to be nothing."""


@torch.no_grad()
def rounded(exact: MiniFASNet, inputs: Tensor, reduce_range: bool = True) -> MiniFASNet:
    """A copy of a folded network whose convolutions have weights that a quantiser with one scale a channel keeps: multiples of
    the largest one's share. Over ``inputs`` (N, 3·P, S, S) each channel has nearly the output that it had, and its mean.
    """
    made, curvatures, means = copy.deepcopy(exact), list[Tensor](), list[Tensor]()

    def watch(layer: nn.Conv2d, given: tuple[Tensor], found: Tensor) -> None:
        curvatures.append(_curvature(layer, given[0]))
        means.append(found.mean((0, 2, 3)))

    _run(exact, inputs, watch)
    for block, curvature in zip(blocks(made), curvatures, strict=True):
        weight = block.conv.weight.data
        block.conv.weight.data = compensated(weight, curvature, LEVELS[reduce_range])
    wanted = iter(means)

    def correct(layer: nn.Conv2d, _given: tuple[Tensor], found: Tensor) -> Tensor:
        off = next(wanted) - found.mean((0, 2, 3))
        if layer.bias is not None:
            layer.bias += off
        return found + off[:, None, None]

    _run(made, inputs, correct)
    return made


def _run(net: MiniFASNet, inputs: Tensor, hook: Callable[..., Tensor | None]) -> None:
    hooks = [block.conv.register_forward_hook(hook) for block in blocks(net)]
    net(inputs)
    for each in hooks:
        each.remove()


def blocks(net: nn.Module) -> list[ConvBlock]:
    return [module for module in net.modules() if isinstance(module, ConvBlock)]


def _curvature(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """(G, K, K): for each group, the mean product of what two of its K weights are multiplied with."""
    side, stride, edge = layer.kernel_size[0], layer.stride[0], int(layer.padding[0])
    rows = []
    for part in x.split(_AT_ONCE):
        columns = functional.unfold(part, side, padding=edge, stride=stride)
        places = torch.linspace(0, columns.shape[2] - 1, min(_POSITIONS, columns.shape[2])).long()
        seen = columns[..., places].transpose(1, 2).flatten(0, 1)
        rows.append(seen.reshape(len(seen), layer.groups, -1))
    seen = torch.cat(rows).double()
    return torch.einsum("ngk,ngl->gkl", seen, seen) / len(seen)


def compensated(weight: Tensor, curvature: Tensor, levels: int) -> Tensor:
    """Weights (O, I, h, w) as multiples of each channel's step, each rounded so that it makes up for those before it.

    curvature: (G, K, K) of the groups, K weights each; levels: steps up to the largest weight of a channel, which stays.
    """
    groups, count = curvature.shape[:2]
    left = weight.double().reshape(groups, -1, count).clone()
    step = left.abs().amax(2, keepdim=True).clamp_min(1e-9) / levels
    largest, exact = left.abs().argmax(2), left.clone()
    scale = curvature.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-12)
    damped = curvature + _DAMPING * scale[:, None, None] * torch.eye(count, dtype=torch.double)
    spread = torch.linalg.cholesky(torch.linalg.inv(damped), upper=True)
    result = torch.empty_like(left)
    for k in range(count):
        now = torch.where(largest == k, exact[..., k], left[..., k])
        units = (now / step[..., 0]).round().clamp(-levels, levels)
        result[..., k] = units * step[..., 0]
        error = (left[..., k] - result[..., k]) / spread[:, None, k, k]
        left[..., k:] -= error[..., None] * spread[:, None, k, k:]
    return result.float().reshape(weight.shape)
