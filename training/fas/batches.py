"""From stored frames to augmented batches. Every random choice follows from (seed, epoch, position)."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.random import Generator, default_rng
from torch import Tensor

from liveness.engine.crops import Box, CropSpec, Patches, patches, tensor
from liveness.engine.frames import Picture
from training.fas.augment import Strength, jitter, shake, tighten
from training.fas.data import weights
from training.fas.recapture import recapture
from training.fas.store import Store

Item = tuple[Patches, float]

_AHEAD = 3


@dataclass(frozen=True)
class Recipe:
    """Shares that shape an epoch. ``distil``: weight of the teachers in the target; their logits are softened by
    ``temperature``. ``simulate``: share of bona fide draws that become simulated attacks. ``mixup``: Beta(a, a).
    """

    samples: int = 8000
    batch: int = 32
    distil: float = 0.3
    temperature: float = 2.0
    simulate: float = 0.1
    mixup: float = 0.3
    mixed: float = 0.5
    workers: int = 1
    strength: Strength = field(default_factory=Strength)


class Epoch:
    """One epoch of draws: patches (P, S, S, 3) uint8 BGR and the target probability of live."""

    def __init__(self, store: Store, spec: CropSpec, recipe: Recipe, seed: int, epoch: int) -> None:
        self.store, self.spec, self.recipe = store, spec, recipe
        self.key = (seed, epoch)
        rng = default_rng(self.key)
        self.draws = rng.choice(len(store), recipe.samples, p=weights(store.samples))

    def __len__(self) -> int:
        return len(self.draws)

    def __getitem__(self, position: int) -> Item:
        rng = default_rng((*self.key, position))
        index = int(self.draws[position])
        picture, box, target = self._frame(index, rng)
        if rng.random() < self.recipe.strength.tight:
            picture, box = tighten(picture, box, rng)
        cut = patches(picture, jitter(box, self.recipe.strength, rng), self.spec)
        return shake(cut, self.recipe.strength, rng), target

    def _frame(self, index: int, rng: Generator) -> tuple[Picture, Box, float]:
        sample, picture, box = (
            self.store.samples[index],
            self.store.frames[index],
            self.store.boxes[index],
        )
        if sample.live and rng.random() < self.recipe.simulate:
            shown, held, _ = recapture(picture, box, rng)
            return shown, held, 0.0
        return picture, box, target(sample.live, sample.teacher, self.recipe)


def target(live: bool, teacher: float | None, recipe: Recipe) -> float:
    """Target probability of live: the label, mixed with the teachers' softened opinion where there is one."""
    if teacher is None:
        return float(live)
    opinion = 1 / (1 + np.exp(-teacher / recipe.temperature))
    return float((1 - recipe.distil) * live + recipe.distil * opinion)


def epoch_batches(
    store: Store, spec: CropSpec, recipe: Recipe, seed: int, epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of inputs (N, 3·P, S, S) float32 and class targets (N, 2), in the order of CLASSES, after mixup."""
    rng = default_rng((seed, epoch, 1))
    draws = Epoch(store, spec, recipe, seed, epoch)
    for items in _prefetched(draws, recipe):
        faces = np.stack([faces for faces, _ in items])
        live = np.array([probability for _, probability in items], np.float32)
        inputs = torch.from_numpy(tensor(faces, spec))
        yield mixup(inputs, torch.from_numpy(np.stack([1 - live, live], axis=1)), recipe, rng)


def mixup(inputs: Tensor, targets: Tensor, recipe: Recipe, rng: Generator) -> tuple[Tensor, Tensor]:
    """Blend a batch with its own reversal (Zhang et al., 2018) in a share ``mixed`` of the batches."""
    if rng.random() >= recipe.mixed:
        return inputs, targets
    share = float(rng.beta(recipe.mixup, recipe.mixup))
    return torch.lerp(inputs.flip(0), inputs, share), torch.lerp(targets.flip(0), targets, share)


def _prefetched(draws: Epoch, recipe: Recipe) -> Iterator[list[Item]]:
    """Full batches in order, cut by threads a few batches ahead: OpenCV and NumPy release the interpreter lock.

    Processes would have to copy or fork gigabytes of frames, and OpenCV's threads do not survive a fork.
    """
    cv2.setNumThreads(1)
    batch = min(recipe.batch, len(draws))
    starts = range(0, len(draws) - batch + 1, batch)
    with ThreadPoolExecutor(max(1, recipe.workers)) as pool:
        waiting: deque[list[Future[Item]]] = deque()
        try:
            for start in starts:
                waiting.append([pool.submit(draws.__getitem__, start + i) for i in range(batch)])
                if len(waiting) > _AHEAD:
                    yield [item.result() for item in waiting.popleft()]
            while waiting:
                yield [item.result() for item in waiting.popleft()]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
