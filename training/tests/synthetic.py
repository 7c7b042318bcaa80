"""A data set of nobody: soft generated pictures are bona fide, the same with a fine grid are attacks."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveness.engine.crops import Box
from liveness.engine.faces import Face
from liveness.engine.frames import Picture, encode_jpeg
from training.fas.data import Sample
from training.fas.export import generated_picture
from training.fas.store import Store

SIDE = 160
BOX = Box(50, 40, 60, 80)
COLUMNS = [
    "path",
    "domain",
    "frame",
    "subject",
    "label",
    "species",
    "split",
    "width",
    "height",
    "x",
    "y",
    "w",
    "h",
]
TEACHERS = ("seed_logit", "silentface_p")


class NoFaces:
    """A detector that finds nothing, so that the labelled boxes are used."""

    def detect(self, picture: Picture) -> list[Face]:
        return []


def picture(live: bool, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(SIDE, SIDE, 3) uint8 BGR; an attack carries a grid with a period of four pixels."""
    base = generated_picture(rng, SIDE)
    if not live:
        base = base.copy()
        base[::4], base[:, ::4] = 0, 255
    return base


def sample(domain: str = "a", live: bool = True, **changes: object) -> Sample:
    values: dict[str, object] = {
        "path": f"{domain}/{live}.jpg",
        "domain": domain,
        "subject": "",
        "live": live,
        "species": "" if live else "screen",
        "split": "train",
        "box": BOX,
    }
    return Sample(**(values | changes))  # type: ignore[arg-type]


def store(count: int = 16, seed: int = 0) -> Store:
    """Frames in memory, half of them attacks, from two domains."""
    rng = np.random.default_rng(seed)
    made = Store()
    for i in range(count):
        live = i % 2 == 0
        made.samples.append(sample("ab"[i // 2 % 2], live, path=f"{i}.jpg"))
        made.frames.append(picture(live, rng))
        made.boxes.append(BOX)
    return made


def row(path: str, domain: str, live: bool, split: str = "train") -> dict[str, str]:
    values = [
        path,
        domain,
        "full",
        "",
        "live" if live else "spoof",
        "" if live else "screen",
        split,
    ]
    numbers = [SIDE, SIDE, BOX.x, BOX.y, BOX.w, BOX.h]
    return dict(zip(COLUMNS, [*values, *map(str, numbers)], strict=True))


def write_manifest(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def data_set(folder: Path, each: int = 5) -> Path:
    """JPEGs and a manifest: domains a and b train, c calibrates, d is dev; ``each`` frames of every class."""
    rng = np.random.default_rng(1)
    rows = []
    for domain in "abcd":
        (folder / domain).mkdir(parents=True)
        for i in range(2 * each):
            name = f"{domain}/{i}.jpg"
            (folder / name).write_bytes(encode_jpeg(picture(i % 2 == 0, rng), 95))
            rows.append(row(name, domain, i % 2 == 0, "dev" if domain == "d" else "train"))
    return write_manifest(folder / "manifest.csv", rows)
