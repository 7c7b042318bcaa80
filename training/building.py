"""From the options of a run to the parts that train."""

from pathlib import Path

from training.fas import loop, store
from training.fas.blend import Blend
from training.fas.draws import Deck, Recipe
from training.fas.former import Former
from training.fas.fresh import FreshSource
from training.fas.losses import Weights
from training.fas.nets import NetSpec
from training.fas.patch_store import PatchDeck, PatchStore
from training.fas.starts import Start
from training.options import Options


def net_spec(options: Options) -> NetSpec:
    return NetSpec(
        arch=options.arch,
        patches=len(options.scales),
        size=options.size,
        activation=options.activation,
        dropout=options.dropout,
    )


def fresh(frames: store.Faces, options: Options, start: Start | None) -> FreshSource:
    """Draws made anew. Who goes on from a start learns from it what it knew, where whole frames are at hand; a network
    that has seen no camera yet has nothing to say."""
    return FreshSource(_deck(frames, options, start), options.samples_per_epoch, blend(options))


def _deck(frames: store.Faces, options: Options, start: Start | None) -> Deck | PatchDeck:
    if isinstance(frames, PatchStore):
        return PatchDeck(frames, recipe(options))
    if isinstance(frames, store.Store):
        before = Former(start, net_spec(options), options.crop) if start and start.domains else None
        return Deck(frames, options.crop, recipe(options), before)
    raise TypeError(f"{type(frames).__name__} cannot be drawn from.")


def recipe(options: Options) -> Recipe:
    return Recipe(
        plain=options.plain,
        simulate=options.simulate,
        mixup=options.mixup,
        mixed=options.mixed,
    )


def blend(options: Options) -> Blend:
    return Blend(
        distil=options.distil,
        smoothing=options.smoothing,
        mixed=options.mixed,
        mixup=options.mixup,
        drop=options.drop,
        light=options.light,
        least_size=options.least_size,
    )


def fit_options(options: Options) -> loop.FitOptions:
    return loop.FitOptions(
        epochs=options.epochs,
        minutes=options.minutes or None,
        seed=options.seed,
        batch=options.batch,
        rate=options.lr,
        decay=options.weight_decay,
        warmup=options.warmup,
        ema=options.ema,
        weights=Weights(
            options.fourier_weight, options.teacher_weight, mirror=options.mirror_weight
        ),
        accumulate=options.accumulate,
        precision=options.precision,
        patience=options.patience,
        save_every=options.save_every,
        mixstyle=options.mixstyle,
        start_rate=options.start_rate,
        tensorboard=Path(options.tensorboard) if options.tensorboard else None,
    )
