"""How often two people are taken for one, measured on pictures of people whose names are known."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveness.engine import frames
from liveness.engine.faces import Embedding

Embed = Callable[[frames.Picture], Embedding]
"""An aligned BGR uint8 (112, 112, 3) face → its (128,) unit embedding."""

_BLOCK = 512


@dataclass(frozen=True)
class Gallery:
    """files: ``<person>/<image>.jpg``; people: their numbers (N,); embeddings: (N, 128) float32."""

    files: tuple[str, ...]
    people: NDArray[np.int64]
    embeddings: NDArray[np.float32]

    @property
    def cross_pairs(self) -> int:
        """How many pairs show two different people."""
        sizes = np.bincount(self.people)
        return int(_pairs(len(self.people)) - _pairs(sizes).sum())


def embed_folder(folder: Path, embed: Embed, progress: Callable[[int, int], None]) -> Gallery:
    """Embed every ``<person>/<image>.jpg``. Raises ValueError with fewer than two people."""
    paths = sorted(folder.glob("*/*.jpg"))
    names = [path.parent.name for path in paths]
    if len(set(names)) < 2:
        raise ValueError(f"{folder} holds pictures of fewer than two people.")
    vectors = []
    for done, path in enumerate(paths, start=1):
        picture = frames.decode(path.read_bytes(), frames.FILE_LIMITS)
        vectors.append(embed(picture))
        progress(done, len(paths))
    files = tuple(path.relative_to(folder).as_posix() for path in paths)
    people = np.unique(names, return_inverse=True)[1].astype(np.int64)
    return Gallery(files, people, np.stack(vectors))


def thresholds(gallery: Gallery, rates: Sequence[float]) -> dict[float, float | None]:
    """For each false match rate the least cosine threshold that keeps it over all impostor pairs.

    None where there are too few pairs to measure the rate at all.
    """
    total = gallery.cross_pairs
    most = max(int(rate * total) for rate in rates) + 1
    highest = _highest_impostors(gallery, most)
    return {rate: _threshold(highest, int(rate * total)) for rate in rates}


def true_accept_rate(gallery: Gallery, pairs: Iterable[tuple[str, str]], threshold: float) -> float:
    """The share of the pairs at or above the threshold. Raises KeyError for an unknown file."""
    place = {file: row for row, file in enumerate(gallery.files)}
    vectors = gallery.embeddings
    cosines = [float(vectors[place[a]] @ vectors[place[b]]) for a, b in pairs]
    return float(np.mean(np.array(cosines) >= threshold)) if cosines else float("nan")


def genuine_pairs(listing: Path) -> list[tuple[str, str]]:
    """The same-person pairs of a CSV with the columns ``same`` (1 or 0), ``a`` and ``b``."""
    with listing.open(newline="") as lines:
        return [(row["a"], row["b"]) for row in csv.DictReader(lines) if row["same"] == "1"]


def _highest_impostors(gallery: Gallery, count: int) -> NDArray[np.float32]:
    """The ``count`` highest cross-person similarities, falling; blockwise, to spare memory."""
    highest = np.empty(0, np.float32)
    rows = np.arange(len(gallery.people))
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        cosines = gallery.embeddings[block] @ gallery.embeddings.T
        later = rows[None, :] > rows[block, None]
        others = gallery.people[None, :] != gallery.people[block, None]
        found = np.concatenate([highest, cosines[later & others]])
        highest = np.partition(found, -count)[-count:] if len(found) > count else found
    return np.sort(highest)[::-1]


def _threshold(highest: NDArray[np.float32], allowed: int) -> float | None:
    """Just above the first impostor that must not match."""
    return float(np.nextafter(highest[allowed], np.float32(2))) if allowed > 0 else None


def _pairs(count: int | NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(count * (np.asarray(count) - 1) // 2)
