"""Named ways to train, so that nobody has to know every option. Values are those of training.options."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from training import origins
from training.fas.data import Sample
from training.fas.tables import TABLES
from training.options import CALIBRATION_DOMAINS, IMAGENET, START, OptionError, Options, from_dict

_GENTLE = {False: 4e-4, True: 1e-4}
"""Learning rate of what goes on, by whether the network pools its maps and so began with ImageNet weights."""


@dataclass(frozen=True)
class Recipe:
    """``title`` and ``text`` for people; ``goes_on``: begins with the weights of the model that serves."""

    title: Promise
    text: Promise
    options: Mapping[str, Any]
    goes_on: bool = False


RECIPES: Mapping[str, Recipe] = {
    "touch-up": Recipe(
        _("Touch up the serving model"),
        _(
            "Begins with the weights that serve now and learns gently: a few short epochs, in which these weights also teach "
            "what they know of the other cameras. For new reviewed attempts."
        ),
        {
            **{"epochs": 12, "samples_per_epoch": 4000, "warmup": 0.1, "minutes": 45.0},
            **{"simulate": 0.3, "distil": 0.7, "keep": 0.4},
        },
        goes_on=True,
    ),
    "anew": Recipe(
        _("Train a new model"),
        _(
            "Begins with what a network knows that has learnt from everyday pictures, as the model did that ships. Needs no "
            "GPU. For data sets of your own."
        ),
        {
            **{"arch": "minifasnet_lite", "activation": "relu6", "start": IMAGENET},
            **{"scales": [1.5, 4.0], "size": 104, "serve_size": 92, "passes": 1},
            **{"epochs": 5, "samples_per_epoch": 4000, "minutes": 0.0, "lr": 3e-4, "warmup": 0.05},
            **{"weight_decay": 0.02, "dropout": 0.1, "fourier_weight": 0.25, "mirror_weight": 0.1},
            **{"plain": 0.5, "simulate": 0.4, "drop": 0.05},
            **{"mixed": 0.0, "light": 0.0, "mixstyle": 0.0},
        },
    ),
    "from-scratch": Recipe(
        _("Train from scratch"),
        _(
            "Begins with random weights and takes hours without a GPU. For another network, or to compare networks."
        ),
        {"epochs": 48, "minutes": 0.0},
    ),
}


def options_for(name: str, advanced: Mapping[str, Any], samples: Iterable[Sample] = ()) -> Options:
    """The options of a recipe, with ``advanced`` on top; calibration cameras are those that the samples have.

    What goes on from the serving weights cannot be calibrated on a camera that these have learnt from: it keeps the
    errors of the serving model instead. Raises OptionError: an unknown recipe or option, no weights to go on from, or
    weights that have learnt from what the samples hold out.
    """
    recipe, rows = RECIPES.get(name), list(samples)
    if recipe is None:
        raise OptionError(f"There is no recipe {name!r}; known: {', '.join(RECIPES)}.")
    if recipe.goes_on and "start" not in advanced:
        values = _going_on(rows)
    else:
        values = {"calibration_domains": calibration_of(rows)}
    return from_dict({**values, **recipe.options, **advanced})


def calibration_of(samples: Iterable[Sample], seen: Collection[str] = ()) -> list[str]:
    """Which of the usual calibration cameras are there and not ``seen``; none, unless together they have both classes."""
    classes: dict[str, set[bool]] = defaultdict(set)
    for sample in samples:
        usual = sample.domain in CALIBRATION_DOMAINS and sample.domain not in seen
        if usual and sample.split == "train":
            classes[sample.domain].add(sample.live)
    return sorted(classes) if set().union(*classes.values()) == {True, False} else []


def _going_on(samples: list[Sample]) -> dict[str, Any]:
    weights = origins.serving_weights()
    if weights is None:
        raise OptionError(
            "The weights of the serving model are not on this machine, so nothing can go on from them. "
            f"Set LIVEGATE_START (the default model's {START}), or train from scratch."
        )
    seen = origins.seen_by(weights)
    held = {sample.domain for sample in samples if sample.split == "dev"}
    if leaked := sorted(held & (seen or frozenset())):
        raise OptionError(
            f"The serving weights have learnt from {', '.join(leaked)}, which these data sets hold out. "
            "Train from scratch, or choose other data sets."
        )
    kept = [] if seen is None else calibration_of(samples, seen)
    bundle = None if kept else origins.serving_bundle()
    network = origins.serving_network()
    pooled = TABLES[network.get("arch", Options.arch)].pooled
    values = {
        **{"start": str(weights), "calibration_domains": kept, "lr": _GENTLE[bool(pooled)]},
        **network,
        **origins.serving_habits(),
    }
    return values | ({"champion": str(bundle)} if bundle else {})
