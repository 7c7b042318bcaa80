"""Prepared views: draws kept on disk with their teachers' opinions, made once and trained on many times.

A view costs more to make than to learn from, because its teachers are larger than the student. Folds that leave a camera
out share one folder: a view that shows any of that camera's frames, also as half of a mixture, is passed over.

The folder holds ``views.json`` (what was made, from which data) and shards: ``NNNN.npy``, patches (M, P, S, S, 3) uint8
BGR, and ``NNNN.npz`` beside it with live (M,) float32, NaN where only the teachers know, domains (M, 6) int16 as indices
into ``views.json``, simulated (M,) bool and opinions (M, T) float32.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.random import default_rng
from numpy.typing import NDArray

from liveness.engine.crops import CropSpec, Patches
from training.fas import data
from training.fas.blend import Blend, batch
from training.fas.draws import Deck, Draw, opinions
from training.fas.source import Batch

FORMAT = 3
SHARD = 2048
_CHUNK = 32


class ViewsError(RuntimeError):
    """A folder of views cannot be written or read, or was made from other data or another crop."""


@dataclass(frozen=True)
class Rows:
    """Views of one batch: patches (N, P, S, S, 3) uint8 BGR, live (N,) float32, opinions (N, T) float32."""

    patches: Patches
    live: NDArray[np.float32]
    opinions: NDArray[np.float32]


class Views:
    """A folder of prepared views, read through memory maps. Raises ViewsError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts = _facts(folder)
        numbers = sorted(int(path.stem) for path in folder.glob("[0-9]*.npy"))
        if not numbers:
            raise ViewsError(f"{folder} holds no views yet.")
        try:
            self._patches = [np.load(_shard(folder, n), mmap_mode="r") for n in numbers]
            tables = [np.load(_shard(folder, n).with_suffix(".npz")) for n in numbers]
            self.live, self.domains, self.simulated, self.opinions = (
                np.concatenate([table[name] for table in tables])
                for name in ("live", "domains", "simulated", "opinions")
            )
        except (OSError, ValueError, KeyError) as error:
            raise ViewsError(f"{folder} has a damaged shard: {error}") from error
        self._starts = np.cumsum([0, *map(len, self._patches)])

    def __len__(self) -> int:
        return len(self.live)

    @property
    def crop(self) -> CropSpec:
        return CropSpec(**{**self.facts["crop"], "scales": tuple(self.facts["crop"]["scales"])})

    @cached_property
    def weights(self) -> tuple[float, ...]:
        return tuple(teacher["weight"] for teacher in self.facts["teachers"])

    def without(self, domains: Sequence[str]) -> NDArray[np.int64]:
        """Indices of the views that show no frame of these domains."""
        names = np.array(self.facts["domains"])
        return np.flatnonzero(~np.isin(names[self.domains], list(domains)).any(axis=1))

    def shown(self, indices: NDArray[np.int64]) -> tuple[str, ...]:
        """The domains whose frames these views show."""
        return tuple(self.facts["domains"][n] for n in np.unique(self.domains[indices]))

    def rows(self, indices: NDArray[np.int64]) -> Rows:
        shards = np.searchsorted(self._starts, indices, "right") - 1
        picked = [
            self._patches[shard][index - self._starts[shard]]
            for shard, index in zip(shards, indices, strict=True)
        ]
        return Rows(np.stack(picked), self.live[indices], self.opinions[indices])


@dataclass
class Maker:
    """Fills a folder with views. Shard k follows from (seed, k): an interrupted making goes on where it was."""

    folder: Path
    deck: Deck
    seed: int = 1
    jobs: int = 2
    say: Callable[[str], None] = print

    def run(self, count: int) -> Views:
        """Make at least ``count`` views in whole shards. Raises ViewsError: no room, or made from something else."""
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._agree()
            self._fill(-(-count // SHARD))
        except OSError as error:
            raise ViewsError(f"{self.folder} cannot be written: {error}") from error
        return Views(self.folder)

    def _fill(self, shards: int) -> None:
        began, made = time.monotonic(), 0
        with ThreadPoolExecutor(self.jobs) as pool:
            for number in range(shards):
                if _shard(self.folder, number).exists():
                    continue
                self._make(number, pool)
                made += SHARD
                each = (time.monotonic() - began) / made
                left = (shards - number - 1) * SHARD * each / 60
                done = (number + 1) * SHARD
                self.say(f"{done} views, {1 / each:.0f} a second, {left:.0f} min left")

    def _make(self, number: int, pool: ThreadPoolExecutor) -> None:
        starts = range(0, SHARD, _CHUNK)
        made = list(pool.map(lambda start: self._chunk(number, start), starts))
        draws = [draw for chunk, _ in made for draw in chunk]
        path = _shard(self.folder, number)
        names = {name: n for n, name in enumerate(self._domains)}
        table: dict[str, NDArray[Any]] = {
            "live": np.array([draw.live for draw in draws], np.float32),
            "domains": np.array([_six(draw.domains, names) for draw in draws], np.int16),
            "simulated": np.array([draw.simulated for draw in draws]),
            "opinions": np.concatenate([said for _, said in made]),
        }
        with path.with_suffix(".npz").open("wb") as file:
            np.savez(file, allow_pickle=False, **table)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, np.stack([draw.patches for draw in draws]))
        part.replace(path)

    def _chunk(self, number: int, start: int) -> tuple[list[Draw], NDArray[np.float32]]:
        keys = ((self.seed, number, position) for position in range(start, start + _CHUNK))
        draws = [self.deck.draw(default_rng(key)) for key in keys]
        return draws, opinions(self.deck.teachers, draws)

    @cached_property
    def _domains(self) -> list[str]:
        return sorted({sample.domain for sample in self.deck.store.samples})

    def _agree(self) -> None:
        """Write down what is made here, or check that it is what was begun here."""
        path, facts = self.folder / "views.json", self._description()
        if path.exists():
            if _facts(self.folder) != facts:
                raise ViewsError(f"{self.folder} was begun with other data, crop or recipe.")
            return
        path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")

    def _description(self) -> dict[str, Any]:
        teachers = self.deck.teachers
        named = zip(teachers.names, teachers.weights, strict=True) if teachers else ()
        crop = asdict(self.deck.spec)
        facts = {
            "format": FORMAT,
            "seed": self.seed,
            "crop": crop,
            "recipe": asdict(self.deck.recipe),
            "teachers": [{"name": name, "weight": weight} for name, weight in named],
            "domains": self._domains,
            "data_sha256": data.digest(self.deck.store.samples),
        }
        plain: dict[str, Any] = json.loads(json.dumps(facts))
        return plain


class ViewSource:
    """Prepared views as a Source for the training loop: ``samples`` draws an epoch, none that shows a held-out domain."""

    def __init__(
        self, views: Views, samples: int, blend: Blend, held_out: Sequence[str] = ()
    ) -> None:
        self.views, self.samples, self.blend = views, samples, blend
        self.eligible = views.without(held_out)
        if not len(self.eligible):
            raise ViewsError(f"{views.folder} holds no view without {', '.join(held_out)}.")
        self.teachers = len(views.weights)

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains that are learnt from."""
        return self.views.shown(self.eligible)

    def __len__(self) -> int:
        return self.samples

    def batches(
        self, seed: int, epoch: int, size: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Batch]:
        """See ``Source.batches``. Every epoch goes on in the order where the last one ended."""
        indices = order(self.eligible, self.samples, seed, epoch)
        for number, rows in batches_of(self.views, indices, size, start):
            rng = default_rng((seed, epoch, number, 1))
            whole = batch(
                rows.patches,
                rows.live,
                rows.opinions,
                self.views.weights,
                self.views.crop,
                self.blend,
                rng,
            )
            yield Batch(*(part[rank::world] for part in whole))


def order(eligible: NDArray[np.int64], count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """``count`` of the eligible views for one epoch: each pass over them uses every one once before any twice."""
    passes = -(-(epoch + 1) * count // len(eligible))
    first = epoch * count // len(eligible)
    drawn = [default_rng((seed, n)).permutation(eligible) for n in range(first, passes)]
    begin = epoch * count - first * len(eligible)
    return np.concatenate(drawn)[begin : begin + count]


def batches_of(
    views: Views, indices: NDArray[np.int64], size: int, start: int = 0
) -> Iterator[tuple[int, Rows]]:
    """Full batches with their numbers, read one ahead in a thread of its own."""
    numbers = range(start, len(indices) // size)
    with ThreadPoolExecutor(1) as pool:
        try:
            waiting = None
            for number in numbers:
                ahead = pool.submit(views.rows, indices[number * size : (number + 1) * size])
                if waiting is not None:
                    yield number - 1, waiting.result()
                waiting = ahead
            if waiting is not None:
                yield numbers[-1], waiting.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _six(domains: Sequence[str], names: Mapping[str, int]) -> list[int]:
    """Two faces, each perhaps on a screen and before another ground: at most six; filled up with the first."""
    found = [names[domain] for domain in domains]
    return found + found[:1] * (6 - len(found))


def _shard(folder: Path, number: int) -> Path:
    return folder / f"{number:04d}.npy"


def _facts(folder: Path) -> dict[str, Any]:
    path = folder / "views.json"
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ViewsError(f"{path} cannot be read: {error}") from error
    if facts.get("format") != FORMAT:
        raise ViewsError(f"{path} is not a description of views in format {FORMAT}.")
    return facts
