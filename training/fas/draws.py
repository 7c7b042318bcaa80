"""One training face: a stored frame, shaken, cut, sometimes shown again on a simulated screen, sometimes mixed.

Every random choice follows from the generator that is given, so that a draw can be made again anywhere.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from liveness.engine.crops import Box, CropSpec, Patches, patches
from liveness.engine.frames import Picture
from training.fas.augment import Strength, jitter, shake
from training.fas.collage import collage
from training.fas.data import weights
from training.fas.recapture import Shown, recapture
from training.fas.store import Store
from training.fas.teachers import Cuts, Teachers, fused

PORTRAITS = "portraits"
"""The domain of digital portraits, which no camera of ours took."""

_ASKED = 64
_STILL = 0.75


@dataclass(frozen=True)
class Recipe:
    """Shares that shape the draws.

    strange: how much more often than another a camera is drawn that the teachers do not know; doubtful: a frame of a camera
    that they know, and give the truth a chance of p, is drawn 1 + doubtful · (1 - p)² times as often as one they are sure of;
    plain: share of draws that are a frame of the data set, in three of four cases just as it is, with the truth about it alone: no
    portrait, no simulation, no other surroundings, no mixture and no teacher; the other shares are of the rest;
    simulate: share of bona fide draws that become simulated attacks; moved: share of draws that get the surroundings of
    another frame, where there are teachers to say what that is; mixed: share of draws that are two faces laid over each
    other, with Beta(mixup, mixup) of the first (Zhang et al., 2018).
    """

    strange: float = 9.0
    doubtful: float = 12.0
    plain: float = 0.0
    simulate: float = 0.15
    moved: float = 0.0
    mixup: float = 0.8
    mixed: float = 0.5
    strength: Strength = field(default_factory=Strength)


@dataclass(frozen=True)
class Draw:
    """patches (P, S, S, 3) uint8 BGR; live: share of bona fide, 0–1, or NaN where nobody knows; domains: of every frame
    that it shows, at least one; cuts: the same picture, in the same box, as each teacher looks at it; none where none is asked.
    """

    patches: Patches
    live: float
    domains: tuple[str, ...]
    simulated: bool
    cuts: Cuts = ()


@dataclass
class Deck:
    """All that can be drawn: camera- and class-balanced over a store; cameras that the teachers do not know come
    ``Recipe.strange`` times as often.
    """

    store: Store
    spec: CropSpec
    recipe: Recipe
    teachers: Teachers | None = None

    def __post_init__(self) -> None:
        known = self.teachers.knows if self.teachers else None
        self.chances = weights(self.store.samples, known, self.recipe.strange)
        if self.teachers and known is not None and self.recipe.doubtful:
            self.chances = self._favoured(self.teachers, known)
        self._live = np.flatnonzero([sample.live for sample in self.store.samples])
        if self.recipe.plain:
            samples = self.store.samples
            self._own = [n for n, sample in enumerate(samples) if sample.domain != PORTRAITS]
            self._own_chances = weights([samples[n] for n in self._own])

    def draw(self, rng: Generator) -> Draw:
        """One face, or with chance ``mixed`` two in one."""
        if self.recipe.plain and rng.random() < self.recipe.plain:
            return self._plain(rng)
        first = self._single(rng)
        if rng.random() >= self.recipe.mixed:
            return first
        share = float(rng.beta(self.recipe.mixup, self.recipe.mixup))
        second = self._single(rng)
        asked_alike = len(first.cuts) == len(second.cuts)
        return laid_over(first, second, share) if asked_alike else first

    def _favoured(self, teachers: Teachers, known: Collection[str]) -> NDArray[np.float64]:
        """The chances, moved within each camera and class towards frames of which the teachers are not sure: what they
        can tell only just is forgotten first (Aljundi et al., "Online continual learning with maximally interfered
        retrieval", 2019).
        """
        samples, favour = self.store.samples, np.ones(len(self.store))
        asked = [n for n, sample in enumerate(samples) if sample.domain in known]
        for start in range(0, len(asked), _ASKED):
            some = asked[start : start + _ASKED]
            cuts = [teachers.cut(self.store.frames[n], self.store.boxes[n]) for n in some]
            logits = fused(teachers.opinions(cuts), teachers.weights)
            signed = np.where([samples[n].live for n in some], logits, -logits)
            favour[some] += self.recipe.doubtful / (1 + np.exp(np.minimum(signed, 30))) ** 2
        # Rounded, so that arithmetic in another order draws the same.
        found = self.chances * favour.round(2)
        cells: dict[tuple[str, bool], list[int]] = defaultdict(list)
        for n, sample in enumerate(samples):
            cells[sample.domain, sample.live].append(n)
        for cell in cells.values():
            found[cell] *= self.chances[cell].sum() / found[cell].sum()
        return found / found.sum()

    def _plain(self, rng: Generator) -> Draw:
        index = int(rng.choice(self._own, p=self._own_chances))
        sample = self.store.samples[index]
        face = self.store.frames[index], self.store.boxes[index]
        if rng.random() >= _STILL:
            face = self._shaken(*face, rng)
        return Draw(patches(*face, self.spec), float(sample.live), (sample.domain,), False)

    def _shaken(self, picture: Picture, box: Box, rng: Generator) -> tuple[Picture, Box]:
        strength = self.recipe.strength
        picture, box = shake(picture, box, strength, rng)
        return picture, jitter(box, strength.scale, strength.shift, rng)

    def _single(self, rng: Generator) -> Draw:
        index = int(rng.choice(len(self.store), p=self.chances))
        sample = self.store.samples[index]
        picture, box = self.store.frames[index], self.store.boxes[index]
        simulated, species = sample.live and rng.random() < self.recipe.simulate, sample.species
        domains: tuple[str, ...] = (sample.domain,)
        if simulated:
            shown = self._shown(rng, index)
            domains += (self.store.samples[shown].domain,)
            content = Shown(self.store.frames[shown], self.store.boxes[shown])
            picture, box, species = recapture(picture, box, rng, content)
        live = float(sample.live and not simulated)
        asked = self._asked(species)
        if asked and rng.random() < self.recipe.moved:
            where = int(rng.integers(len(self.store)))
            ground, place = self.store.frames[where], self.store.boxes[where]
            domains += (self.store.samples[where].domain,)
            picture, box = collage(picture, box, ground, place, rng)
            live = np.nan
        picture, box = self._shaken(picture, box, rng)
        cuts = asked.cut(picture, box) if asked else ()
        return Draw(patches(picture, box, self.spec), live, domains, simulated, cuts)

    def _asked(self, species: str) -> Teachers | None:
        """Whom to ask: not the predecessors about masks, as the seed takes two simulated ones of three for bona fide; the
        network as it was knows those that it learnt from."""
        predecessors = self.teachers is not None and self.teachers.knows is None
        return None if species == "mask" and predecessors else self.teachers

    def _shown(self, rng: Generator, own: int) -> int:
        """Mostly somebody else's face, from any source: an attack must not be known by what it shows."""
        return own if rng.random() < 0.3 else int(rng.choice(self._live))


def laid_over(one: Draw, other: Draw, share: float) -> Draw:
    """Two faces in one picture, ``share`` of the first, for the student and for the teachers alike."""
    return Draw(
        _blend(one.patches, other.patches, share),
        share * one.live + (1 - share) * other.live,
        (*one.domains, *other.domains),
        one.simulated or other.simulated,
        tuple(_blend(a, b, share) for a, b in zip(one.cuts, other.cuts, strict=True)),
    )


def _blend(one: NDArray[np.uint8], other: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    rows = one.reshape(-1, one.shape[-2] * 3), other.reshape(-1, one.shape[-2] * 3)
    blended: Any = cv2.addWeighted(rows[0], share, rows[1], 1 - share, 0)
    return np.asarray(blended, np.uint8).reshape(one.shape)


def opinions(teachers: Teachers | None, draws: Sequence[Draw]) -> NDArray[np.float32]:
    """(N, T) logits for live; T is 0 without teachers.

    NaN where none was asked, where teachers that know some cameras only are shown another, or are wrong about a face whose truth is known: what
    they had not learnt is not there to be kept.
    """
    if teachers is None:
        return np.empty((len(draws), 0), np.float32)
    said = np.full((len(draws), len(teachers.weights)), np.nan, np.float32)
    if asked := [n for n, draw in enumerate(draws) if draw.cuts]:
        said[asked] = teachers.opinions([draws[n].cuts for n in asked])
    if teachers.knows is not None:
        strange = [not teachers.knows.issuperset(draw.domains) for draw in draws]
        live, logits = np.array([draw.live for draw in draws]), fused(said, teachers.weights)
        wrong = ((live == 1) & (logits < 0)) | ((live == 0) & (logits > 0))
        said[strange | wrong] = np.nan
    return said
