"""The last step from faces to a batch: mirror, blank patches, change the light, soften the labels with the teachers, mix
faces."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from liveness.engine.crops import CropSpec, Patches, tensor
from training.fas.augment import dropped
from training.fas.source import Batch
from training.fas.teachers import fused

_EDGE = 1e-4


@dataclass(frozen=True)
class Blend:
    """distil: weight of the teachers in the target, their fused logit divided by ``temperature``; smoothing: how far
    targets stay from 0 and 1; mixed, mixup: share of batches that are mixed with Beta(mixup, mixup); drop: chance that a
    patch is blanked; flip: share that is mirrored; light: deviation of the logarithm of the exposure, and twice to five
    times that of other changes of light; least_size: the side of a batch's patches is drawn from here, in steps of four, to
    what the faces have; 0 keeps it.
    """

    distil: float = 0.5
    temperature: float = 1.5
    smoothing: float = 0.02
    mixed: float = 0.5
    mixup: float = 0.8
    drop: float = 0.1
    flip: float = 0.5
    light: float = 0.0
    least_size: int = 0


def batch(
    faces: Patches,
    live: NDArray[np.float32],
    opinions: NDArray[np.float32],
    weights: Sequence[float],
    spec: CropSpec,
    blend: Blend,
    rng: Generator,
) -> Batch:
    """A batch of N faces (N, P, S, S, 3) uint8 BGR with live (N,) 0–1 or NaN and opinions (N, T), logits for live or NaN."""
    mirror = rng.random(len(faces)) < blend.flip
    faces = np.where(mirror[:, None, None, None, None], faces[:, :, :, ::-1], faces)
    faces = np.stack([dropped(face, blend.drop, rng) for face in faces])
    chance = targets(live, opinions, weights, blend)
    inputs = torch.from_numpy(tensor(faces, spec))
    if blend.least_size:
        inputs = shrunk(inputs, blend.least_size, rng)
    plain = Batch(
        lit(inputs, blend.light, spec, rng) if blend.light else inputs,
        torch.from_numpy(np.stack([1 - chance, chance], axis=1)),
        torch.from_numpy(np.ascontiguousarray(opinions, np.float32)),
    )
    if rng.random() >= blend.mixed:
        return plain
    return mixup(plain, float(rng.beta(blend.mixup, blend.mixup)))


def lit(inputs: Tensor, light: float, spec: CropSpec, rng: Generator) -> Tensor:
    """Another exposure, black level and white balance for each face (N, 3·P, S, S), the same for all its patches."""
    n, patches = len(inputs), len(spec.scales)
    gain = np.exp(rng.normal(0, light, (n, 1)) + rng.normal(0, light / 3, (n, 3)))
    black = rng.normal(0, light / 5, (n, 1)) * 255
    slope = torch.from_numpy(np.tile(gain, patches).astype(np.float32))[..., None, None]
    lift = torch.from_numpy(black.astype(np.float32))[..., None, None]
    values = (inputs * spec.std + spec.mean) * slope + lift
    return (values.clamp_(0, 255) - spec.mean) / spec.std


def shrunk(inputs: Tensor, least: int, rng: Generator) -> Tensor:
    """Inputs (N, C, S, S) as (N, C, T, T), T from ``least`` to S in steps of four, the same for all."""
    side = inputs.shape[-1]
    drawn = side - 4 * int(rng.integers((side - least) // 4 + 1))
    if drawn == side:
        return inputs
    return functional.interpolate(inputs, (drawn, drawn), mode="bilinear", antialias=True)


def targets(
    live: NDArray[np.float32],
    opinions: NDArray[np.float32],
    weights: Sequence[float],
    blend: Blend,
) -> NDArray[np.float32]:
    """Target probability of live (N,): the label, mixed with the teachers' softened opinion where there is one; that
    opinion alone where the label is NaN.
    """
    chance = np.asarray(live, np.float32)
    if opinions.shape[1]:
        logit = fused(opinions, weights) / blend.temperature
        opinion = 1 / (1 + np.exp(-logit))
        taught = (1 - blend.distil) * chance + blend.distil * opinion
        chance = np.where(np.isnan(logit), chance, np.where(np.isnan(chance), opinion, taught))
    return np.asarray(chance * (1 - 2 * blend.smoothing) + blend.smoothing, np.float32)


def mixup(plain: Batch, share: float) -> Batch:
    """Blend a batch with its own reversal (Zhang et al., 2018): inputs, targets, and the teachers as probabilities."""
    chances = plain.teachers.sigmoid()
    mixed = torch.lerp(chances.flip(0), chances, share).clamp(_EDGE, 1 - _EDGE).logit()
    return Batch(_lerp(plain.inputs, share), _lerp(plain.targets, share), mixed)


def _lerp(rows: Tensor, share: float) -> Tensor:
    return torch.lerp(rows.flip(0), rows, share)
