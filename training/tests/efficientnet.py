"""EfficientNet-Lite0 as it was published, block by block from its weights."""

from torch import Tensor
from torch.nn import functional


def blocks(saved: dict[str, Tensor], x: Tensor) -> list[Tensor]:
    """The maps after each of the sixteen blocks, of pictures (N, 3, S, S), RGB, normalised."""

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
    for n in range(16):
        block, before = f"_blocks.{n}.", x
        if n:
            x = layer(x, f"{block}_expand_conv", f"{block}_bn0")
        x = layer(x, f"{block}_depthwise_conv", f"{block}_bn1", 2 if n in (1, 3, 5, 11) else 1)
        x = layer(x, f"{block}_project_conv", f"{block}_bn2", act=False)
        x = x + before if x.shape == before.shape else x
        maps.append(x)
    return maps
