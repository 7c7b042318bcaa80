"""What training can go on from: the weights that serve, the network they fit, and the cameras they have learnt from."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from liveness import bundle_store
from liveness.engine.bundle import BUNDLED, BundleError
from liveness.models import ModelVersion, default_folder
from training import datasets
from training.fas.data import DataError
from training.freezing import MERGED
from training.models import TrainingRun
from training.options import IMAGENET, START

TIED = "tied.pt"
_NETWORK = ("arch", "activation")
_HABITS = (
    *("weight_decay", "fourier_weight", "dropout", "smoothing"),
    *("drop", "light", "mixstyle", "mixup", "mixed"),
)


def serving_weights() -> Path | None:
    """Weights of the serving model that training can go on from, if they are on this machine.

    They are the best checkpoint of the run that made it, or what was tied to its beginning. For the default bundle: LIVEGATE_START, or start.npz beside it.
    """
    serving = _serving()
    run = TrainingRun.objects.filter(model=serving).order_by("-pk").first() if serving else None
    if run is not None:
        paths = (_folder(run) / name for name in (TIED, "best.pt"))
        return next((path for path in paths if path.is_file()), None)
    if serving is not None and serving.sha256 != _default_manifest()["model"]["sha256"]:
        return None
    path = Path(settings.LIVEGATE_START or default_folder() / START)
    return path if path.is_file() else None


def serving_bundle() -> Path | None:
    """A folder with the bundle that serves; None where it cannot be had or is damaged."""
    serving = _serving()
    try:
        return default_folder() if serving is None else bundle_store.local_folder(serving)
    except (BundleError, OSError):
        return None


def serving_network() -> dict[str, Any]:
    """What a network must have in common with the serving one in order to take its weights and to be judged like it."""
    about = _about()
    crop, network = about["preprocessing"], about.get("network", {})
    own = {name: network[name] for name in _NETWORK if name in network}
    passes = 2 if about.get("scoring", {}).get("mirror") else 1
    shape = {"scales": crop["scales"], "size": crop["size"], "border": crop["padding"]}
    return {**own, **shape, "passes": passes}


def serving_habits() -> dict[str, Any]:
    """How the serving network was taught, apart from how fast, how long and by whom: what goes on from it learns likewise."""
    taught = _about().get("training", {}).get("options", {})
    return {name: taught[name] for name in _HABITS if name in taught}


def seen_by(weights: Path) -> frozenset[str] | None:
    """Domains that weights have learnt from; None where nobody knows.

    A start file says it; a run's checkpoint has seen what the run trained on, and what its own beginning had seen.
    """
    if str(weights) == IMAGENET:
        return frozenset()
    if weights.suffix == ".npz":
        return _written_in(weights)
    run = next((run for run in TrainingRun.objects.all() if weights.parent == _folder(run)), None)
    if run is None:
        return None
    before = frozenset[str]()
    if start := run.options.get("start"):
        seen = seen_by(Path(start))
        if seen is None:
            return None
        before = seen
    try:
        return before | _trained_on(run)
    except DataError:
        return None


def _trained_on(run: TrainingRun) -> frozenset[str]:
    merged = _folder(run) / MERGED
    rows = datasets.samples(merged if merged.is_file() else Path(run.data))
    kept = set(run.options.get("calibration_domains", ()))
    return frozenset(row.domain for row in rows if row.split == "train") - kept


def _written_in(start: Path) -> frozenset[str] | None:
    try:
        with np.load(start, allow_pickle=False) as file:
            return frozenset(json.loads(str(file["about"]))["domains"])
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _folder(run: TrainingRun) -> Path:
    return Path(settings.VAR) / "training" / f"run-{run.pk}"


def _serving() -> ModelVersion | None:
    return ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE).first()


def _about() -> dict[str, Any]:
    """The manifest of the bundle that serves."""
    serving = _serving()
    return serving.manifest if serving and serving.manifest else _default_manifest()


def _default_manifest() -> dict[str, Any]:
    folder = default_folder() if default_folder().is_dir() else BUNDLED
    about: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return about
