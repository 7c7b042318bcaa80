"""Spectrum targets for the auxiliary head, computed from the augmented image that the network really sees."""

import torch
from torch import Tensor
from torch.nn import functional

_LUMA = (0.114, 0.587, 0.299)


def spectrum(inputs: Tensor, size: int) -> Tensor:
    """Log-magnitude spectra of the first patch of network inputs (N, 3·P, S, S) → (N, 1, size, size), each 0–1.

    Grey by ITU-R BT.601 weights (BGR), 2-D FFT with the zero frequency in the middle, log(1 + |F|), resized by area,
    then minimum–maximum normalised per image, as in Silent-Face's ``generate_FT``.
    """
    weights = torch.tensor(_LUMA, device=inputs.device).view(1, 3, 1, 1)
    grey = (inputs[:, :3].float() * weights).sum(dim=1)
    shifted = torch.fft.fftshift(torch.fft.fft2(grey), dim=(-2, -1))
    magnitude = torch.log1p(shifted.abs()).unsqueeze(1)
    small = functional.interpolate(magnitude, size=(size, size), mode="area")
    low = small.amin(dim=(-2, -1), keepdim=True)
    high = small.amax(dim=(-2, -1), keepdim=True)
    return (small - low) / (high - low).clamp_min(1e-6)


def loss(
    logits: Tensor, target: Tensor, predicted: Tensor, inputs: Tensor, weight: float
) -> tuple[Tensor, Tensor]:
    """L = L_cls + λ·L_fourier, and L_cls alone.

    logits (N, C) and target (N, C) class probabilities; predicted (N, 1, h, h) spectra; inputs (N, 3·P, S, S) after
    augmentation. L_cls: cross-entropy with soft targets; L_fourier: mean squared error.
    """
    classification = functional.cross_entropy(logits, target)
    auxiliary = functional.mse_loss(predicted, spectrum(inputs, predicted.shape[-1]))
    return classification + weight * auxiliary, classification
