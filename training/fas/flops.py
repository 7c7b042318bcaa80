"""What one forward pass costs: operations counted layer by layer with forward hooks, and one thread to time it on.

A MAC is one multiplication with its addition. What papers call FLOPs is either this number or twice it: MobileFaceNet's
"0.22 G" counts MACs at 112 px, Silent-Face's "0.081 G" and "0.224 G" count both operations at 80 px.
"""

from dataclasses import dataclass

import cv2
import torch
from torch import Tensor, nn

from training.fas.nets import MiniFASNet, NetSpec, parameters


@dataclass(frozen=True)
class Cost:
    """Multiply-accumulates of one input, and trainable parameters."""

    macs: int
    parameters: int

    @property
    def operations(self) -> int:
        """Multiplications and additions counted apart."""
        return 2 * self.macs


def of_net(net: nn.Module, shape: tuple[int, ...]) -> Cost:
    """Cost of one input of ``shape`` (C, H, W): convolutions and linear layers; the rest is negligible."""
    counts: list[int] = []

    def count(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        # Of one input; some tables take its patches one after the other, as a batch.
        pixels = output[:, 0].numel()
        counts.append(layer.weight.numel() * pixels)

    counted = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in counted]
    training = net.training
    try:
        with torch.inference_mode():
            net.eval()(torch.zeros(1, *shape))
    finally:
        net.train(training)
        for hook in hooks:
            hook.remove()
    return Cost(sum(counts), parameters(net))


def of_spec(spec: NetSpec) -> Cost:
    """Cost of the network that serves one face."""
    return of_net(MiniFASNet(spec), (3 * spec.patches, spec.size, spec.size))


def one_thread() -> None:
    """Keep OpenCV and torch to one core of this process from now on; ONNX Runtime sessions have one each already."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
