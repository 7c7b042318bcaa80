"""From data sets to a folder of views, as ``manage.py make_views`` asks for it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from liveness.engine.bundle import BundleError
from liveness.engine.crops import CropError, CropSpec
from liveness.engine.faces import FaceDetector, YuNet
from liveness.engine.weights import WeightsError
from training.fas import readers, store
from training.fas.augment import Strength
from training.fas.data import DataError, Sample
from training.fas.draws import PORTRAITS, Deck, Recipe
from training.fas.store import Store
from training.fas.teachers import Predecessors
from training.fas.views import Maker, Views, ViewsError

FAILURES = (DataError, CropError, ViewsError, WeightsError, BundleError)

Say = Callable[[str], None]


def make(given: Mapping[str, Any], say: Say, detector: FaceDetector | None = None) -> Views:
    """Make the views of the options of ``make_views``. Raises one of FAILURES."""
    found = readers.read(given["data"])
    detector = detector or YuNet()
    rows = [row for row in found.samples if row.split == "train"]
    frames = store.load(found.root, rows, detector, given["out"] / "boxes.json")
    if given["portraits"]:
        frames.extend(portraits(given["portraits"], given["most_portraits"], detector))
    for path, reason in frames.skipped.items():
        say(f"skipped {path}: {reason}")
    say(f"{len(frames)} frames read, {len(frames.skipped)} skipped.")
    teachers = Predecessors(given["teachers"]) if given["teachers"] else None
    spec = CropSpec(given["patches"], given["size"], border=given["border"])
    strength = Strength().softened(given["strength"])
    shares = {name: given[name] for name in ("plain", "simulate", "moved", "mixed")}
    recipe = Recipe(**shares, strength=strength)
    deck = Deck(frames, spec, recipe, teachers)
    return Maker(given["out"], deck, given["seed"], given["jobs"], say).run(given["count"])


def portraits(folder: Path, most: int, detector: FaceDetector) -> Store:
    """Digital portraits as bona fide faces without a camera of their own, evenly chosen from all of a folder."""
    paths = sorted(folder.rglob("*.jpg"))
    if not paths:
        raise DataError(f"{folder} holds no JPEG files.")
    chosen = np.unique(np.linspace(0, len(paths) - 1, most).round().astype(int))
    blank = Sample("", PORTRAITS, "", True, "", "train", None, None, "crop")
    rows = [replace(blank, path=str(paths[i].relative_to(folder))) for i in chosen]
    return store.load(folder, rows, detector)
