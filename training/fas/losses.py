"""L = L_cls + λ·L_fourier + μ·L_teachers + ν·L_mirror, every part a mean over one group of faces."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from training.fas.fourier import spectrum
from training.fas.nets import Outputs
from training.fas.source import Batch


@dataclass(frozen=True)
class Weights:
    """``fourier`` is λ, ``teachers`` is μ, ``mirror`` is ν; opinions are softened by ``temperature``."""

    fourier: float = 0.5
    teachers: float = 0.5
    temperature: float = 2.0
    mirror: float = 0.0


class Parts(NamedTuple):
    """Scalars: the whole loss, and its parts before they are weighted."""

    total: Tensor
    classification: Tensor
    fourier: Tensor
    teachers: Tensor


def both_sides(batch: Batch) -> Batch:
    """The batch and then its mirror images, (2·N, …)."""
    inputs, targets, teachers = batch
    return Batch(torch.cat([inputs, inputs.flip(3)]), targets.tile(2, 1), teachers.tile(2, 1))


def loss(outputs: Outputs, batch: Batch, weights: Weights) -> Parts:
    """The loss of one group. L_cls: cross-entropy with soft targets. L_fourier: mean squared error of the spectrum of
    the augmented image. L_teachers: ``matching``. L_mirror, where it has a weight and the batch is ``both_sides``: squared
    difference of the logits for live of a face and its mirror image.
    """
    classification = functional.cross_entropy(outputs.logits.float(), batch.targets)
    predicted = outputs.spectrum.float()
    fourier = functional.mse_loss(predicted, spectrum(batch.inputs, predicted.shape[-1]))
    teachers = matching(outputs.opinions.float(), batch.teachers, weights.temperature)
    total = classification + weights.fourier * fourier + weights.teachers * teachers
    if weights.mirror:
        live = outputs.logits.float() @ outputs.logits.new_tensor([-1.0, 1.0]).float()
        one, other = live.chunk(2)
        total = total + weights.mirror * functional.mse_loss(one, other)
    return Parts(total, classification, fourier, teachers)


def matching(opinions: Tensor, teachers: Tensor, temperature: float) -> Tensor:
    """Function matching (Beyer et al., "Knowledge distillation: a good teacher is patient and consistent", 2022).

    Opinions and teachers (N, T) are logits for live. The Kullback–Leibler divergence of the softened opinion from the
    softened teacher, times the temperature squared (Hinton et al., 2015), in the mean over the opinions that were given;
    NaN is none. 0 when nobody gave one.
    """
    given = ~teachers.isnan()
    goal = torch.where(given, teachers, 0.0) / temperature
    wanted = goal.sigmoid()
    cross = functional.binary_cross_entropy_with_logits
    apart = cross(opinions / temperature, wanted, reduction="none")
    apart = apart - cross(goal, wanted, reduction="none")
    return temperature**2 * (apart * given).sum() / given.sum().clamp_min(1)
