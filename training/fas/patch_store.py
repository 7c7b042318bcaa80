"""Faces that are already cut, as Silent-Face's folders hold them: stored and drawn like frames, but never cut again."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.random import Generator

from liveness.engine.crops import CropSpec, Patches
from liveness.engine.frames import FrameError
from training.fas.augment import toned
from training.fas.data import DataError, Sample, weights
from training.fas.draws import Draw, Recipe, laid_over
from training.fas.readers.patch_folders import PatchSample, read_patches


@dataclass
class PatchStore:
    """Patches (P, S, S, 3) uint8 BGR of one CropSpec with their samples; ``skipped``: path → reason."""

    spec: CropSpec
    samples: list[Sample] = field(default_factory=list)
    faces: list[Patches] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.samples)

    def patches(self, index: int, spec: CropSpec) -> Patches:
        """The patches of one face. Raises DataError for another spec than they were read for."""
        if spec != self.spec:
            raise DataError("Ready patches cannot be cut in another way.")
        return self.faces[index]

    def chosen(self, indices: Iterable[int]) -> "PatchStore":
        """A part of the store."""
        kept = list(indices)
        return PatchStore(self.spec, [self.samples[i] for i in kept], [self.faces[i] for i in kept])


def load(root: Path, samples: Iterable[PatchSample], spec: CropSpec) -> PatchStore:
    """Read every readable face; a damaged one is named in ``skipped``. Raises DataError for a scale that is missing."""
    store = PatchStore(spec)
    for sample in samples:
        try:
            store.faces.append(read_patches(root, sample, spec))
        except (FrameError, OSError) as error:
            store.skipped[sample.path] = str(error)
        else:
            store.samples.append(sample)
    return store


@dataclass
class PatchDeck:
    """A deck of ready patches: one light, lens and codec for all patches of a face; no teacher, no simulation."""

    store: PatchStore
    recipe: Recipe
    teachers: None = None

    def __post_init__(self) -> None:
        self._chances = weights(self.store.samples)

    @property
    def spec(self) -> CropSpec:
        return self.store.spec

    def draw(self, rng: Generator) -> Draw:
        """One face, or with chance ``mixed`` two in one."""
        first = self._single(rng)
        if rng.random() >= self.recipe.mixed:
            return first
        share = float(rng.beta(self.recipe.mixup, self.recipe.mixup))
        return laid_over(first, self._single(rng), share)

    def _single(self, rng: Generator) -> Draw:
        index = int(rng.choice(len(self.store), p=self._chances))
        sample, face = self.store.samples[index], self.store.faces[index]
        count, size = face.shape[:2]
        strip = toned(face.reshape(count * size, size, 3), self.recipe.strength, rng)
        live, domain = float(sample.live), sample.domain
        return Draw(np.ascontiguousarray(strip.reshape(face.shape)), live, (domain, domain), False)
