"""Spectrum targets for the auxiliary head, computed from the augmented image that the network really sees."""

import torch
from torch import Tensor
from torch.nn import functional

_LUMA = (0.114, 0.587, 0.299)


@torch.no_grad()
def spectrum(inputs: Tensor, size: int) -> Tensor:
    """Log-magnitude spectra of the first patch of network inputs (N, 3·P, S, S) → (N, 1, size, size), each 0–1.

    Grey by ITU-R BT.601 weights (BGR), 2-D FFT with the zero frequency in the middle, log(1 + |F|), resized by area,
    then minimum–maximum normalised per image, as in Silent-Face's ``generate_FT``.
    """
    blue, green, red = (inputs[:, i].float() * weight for i, weight in enumerate(_LUMA))
    shifted = torch.fft.fftshift(_magnitudes(blue + green + red), dim=(-2, -1))
    magnitude = shifted.log1p_().unsqueeze(1)
    small = functional.interpolate(magnitude, size=(size, size), mode="area")
    low = small.amin(dim=(-2, -1), keepdim=True)
    high = small.amax(dim=(-2, -1), keepdim=True)
    return (small - low) / (high - low).clamp_min(1e-6)


def _magnitudes(grey: Tensor) -> Tensor:
    """|F| (N, S, S) of real images: half is computed, and the rest is its point reflection, |F(-u)| = |F(u)|."""
    side = grey.shape[-1]
    half = torch.fft.rfft2(grey)
    half = (half.real.square() + half.imag.square()).sqrt_()
    mirrored = half[..., 1 : (side + 1) // 2].flip(-2, -1).roll(1, -2)
    return torch.cat([half, mirrored], dim=-1)
