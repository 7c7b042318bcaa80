"""What a person may choose about a training run. No torch: forms and the command line read this too."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import Field, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from liveness.engine.crops import CropError, CropSpec
from training.fas.tables import TABLES

CALIBRATION_DOMAINS = ("cam08", "cam17", "crop09", "live04", "live13")
"""Never trained on: two webcams and a set of close-ups with both classes, and two sets of bona fide only."""

_PATCH = re.compile(r"(?P<scale>\d+(?:\.\d+)?)_(?P<height>\d+)x(?P<width>\d+)")
_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


class OptionError(ValueError):
    """An option is unknown or its value is out of range; the message names it."""


def _option(
    default: Any,
    text: str,
    least: float | None = None,
    most: float | None = None,
    among: Iterable[str] = (),
) -> Any:
    """A field with its help and the values that it may take."""
    about = {"help": text, "least": least, "most": most, "among": tuple(among)}
    return field(default=default, metadata=about)


@dataclass(frozen=True)
class Options:
    """One training run. ``scales``, ``size`` and ``border`` describe the patches; no ``calibration_domains``: nothing
    is chosen or calibrated on the way. ``devices``: numbers of CUDA devices, one process each.
    """

    epochs: int = _option(48, "Epochs at most", 1)
    batch: int = _option(32, "Faces a step, of all processes together", 2)
    samples_per_epoch: int = _option(8000, "Augmented faces an epoch", 1)
    arch: str = _option("minifasnet_v2_fast", "Network table", among=TABLES)
    activation: str = _option("relu", "Activation", among=("relu", "relu6", "prelu"))
    scales: tuple[float, ...] = _option((1.5, 2.7, 4.0), "Patch sides in face sides")
    size: int = _option(80, "Side of a patch in pixels")
    least_size: int = _option(
        0,
        "Least side of patches while training: each batch has a random one; 0 for --size alone",
        0,
    )
    serve_size: int = _option(
        0, "Side in the bundle, 0 as in training; of networks that pool their maps", 0
    )
    border: str = _option("inside", "What lies beyond the frame's edge")
    minutes: float = _option(
        50.0, "Time for fitting, 0 for no limit; export and evaluation follow", 0
    )
    seed: int = _option(1, "Seed of every random choice", 0)
    limit: int | None = _option(None, "Frames of each domain and class at most", 1)
    calibration_domains: tuple[str, ...] = _option(
        CALIBRATION_DOMAINS, "Never trained on, for choices"
    )
    lr: float = _option(2e-3, "Highest learning rate", 1e-7, 1)
    weight_decay: float = _option(0.05, "Weight decay of AdamW", 0, 1)
    warmup: float = _option(0.03, "Share of the run in which the learning rate rises", 0, 0.9)
    ema: float = _option(0.998, "Share that the averaged network keeps in a step", 0, 0.99999)
    fourier_weight: float = _option(0.5, "Weight of the spectrum's loss", 0, 100)
    teacher_weight: float = _option(0.5, "Weight of the teachers' loss", 0, 100)
    mirror_weight: float = _option(
        0.0, "Weight of how much a face and its mirror image differ; twice the work", 0, 100
    )
    dropout: float = _option(0.3, "Dropout before the last layer", 0, 0.9)
    views: str = _option("", "Folder of prepared views to learn from, made by make_views")
    start: str = _option(
        "",
        "Weights to begin from, which saw nothing that is held out; imagenet for minifasnet_lite",
    )
    start_rate: float = _option(
        1.0, "Learning rate of layers that begin with such weights, as a share of --lr", 0, 1
    )
    keep: float = _option(0.0, "Way back of the last layers to the weights it began with", 0, 1)
    champion: str = _option(
        "", "Bundle whose errors the new threshold keeps, as one goes on from it"
    )
    passes: int = _option(
        2,
        "Passes over a face that is judged: 2 score its mirror image, too; 1 turns its brighter side left",
        1,
        2,
    )
    leave_out: str = _option("", "Cameras judged instead of trained on, joined by +")
    calibration_scores: str = _option("", "scores.csv of cameras that folds left out")
    bpcer: float = _option(0.05, "BPCER that the threshold is promised for", 0.001, 0.5)
    smoothing: float = _option(0.02, "How far targets stay from 0 and 1", 0, 0.4)
    drop: float = _option(0.15, "Chance that a patch is blanked", 0, 0.9)
    light: float = _option(0.12, "How much the light of a batch's faces changes once more", 0, 1)
    mixstyle: float = _option(0.3, "Chance that the styles of early maps are mixed", 0, 1)
    mixup: float = _option(0.5, "Both parameters of mixup's beta distribution", 0.01, 10)
    mixed: float = _option(0.5, "Share of batches that are mixed", 0, 1)
    distil: float = _option(0.4, "Weight of the teachers in the target", 0, 1)
    simulate: float = _option(0.1, "Share of bona fide draws turned into attacks", 0, 1)
    plain: float = _option(0.0, "Share of draws that are frames as they are", 0, 1)
    accumulate: int = _option(1, "Groups that a batch is cut into, one after the other", 1)
    patience: int = _option(0, "Epochs without a better AUC until the run stops, 0 for never", 0)
    precision: str = _option(
        "auto", "Arithmetic; auto: bf16 on CUDA, else fp32", among=("auto", "fp32", "bf16")
    )
    device: str = _option("auto", "auto, cpu or cuda:0")
    devices: tuple[int, ...] = _option((), "Numbers of CUDA devices, one process each")
    save_every: float = _option(120.0, "Seconds between checkpoints", 0)
    tensorboard: str = _option("", "Folder for TensorBoard")

    def __post_init__(self) -> None:
        for each in fields(self):
            _check(each, getattr(self, each.name))
        if not _DEVICE.fullmatch(self.device):
            raise OptionError(f"device must be auto, cpu or cuda:0, not {self.device!r}.")
        try:
            self.crop, self.served  # noqa: B018  (checks scales, sizes and border)
        except CropError as error:
            raise OptionError(str(error)) from error
        if self.least_size > self.size:
            raise OptionError("least_size must be at most size.")
        several = self.served != self.crop or self.least_size
        if several and not TABLES[self.arch].pooled:
            raise OptionError(f"{self.arch} is served with the patches that it learnt from.")

    @property
    def crop(self) -> CropSpec:
        return CropSpec(self.scales, self.size, border=self.border)

    @property
    def served(self) -> CropSpec:
        """What the bundle asks for."""
        return replace(self.crop, size=self.serve_size or self.size)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; tuples become lists."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    def binding(self) -> dict[str, Any]:
        """What a resumed run must have in common with itself; an option that older runs do not know only where it is used."""
        return {
            name: value
            for name, value in self.as_dict().items()
            if name not in _FREE and (value or name not in _LATER)
        }

    def portable(self) -> dict[str, Any]:
        """As ``as_dict``, but of every path its last name: a bundle travels, and the folders it was made in do not."""
        values = self.as_dict()
        return values | {name: Path(values[name]).name for name in PATHS if values[name]}


PATHS = ("views", "start", "calibration_scores", "tensorboard", "champion")
"""Options that name a file or a folder of the training machine."""

IMAGENET = "imagenet"
"""What ``start`` is given in place of a file to begin with what an ImageNet network knows."""

START = "start.npz"
"""Small file of weights to begin from: a run leaves one, and one lies beside the default bundle."""

_FREE = (
    *("epochs", "minutes", "patience", "device", "devices", "save_every", "tensorboard"),
    *("calibration_scores", "bpcer", "champion", "keep", "passes", "serve_size"),
)
"""What a resumed run may change: how long, where and how it is watched, and the threshold, not what is learnt.
``accumulate`` is bound together with the number of processes.
"""

_LATER = ("least_size",)
"""Options that came after the first checkpoints that somebody may still go on from."""


def from_dict(values: Mapping[str, Any]) -> Options:
    """Options from JSON values; what is missing keeps its default. Raises OptionError."""
    known = {each.name: each for each in fields(Options)}
    unknown = set(values) - set(known)
    if unknown:
        raise OptionError(f"Unknown option: {', '.join(sorted(unknown))}.")
    try:
        return Options(**{name: _typed(known[name], value) for name, value in values.items()})
    except (TypeError, ValueError) as error:
        raise error if isinstance(error, OptionError) else OptionError(str(error)) from error


def patch_info(names: Iterable[str]) -> tuple[tuple[float, ...], int]:
    """Scales and size from the names of patch folders, such as 2.7_80x80 and 4_80x80. Raises OptionError."""
    found = []
    for name in names:
        match = _PATCH.fullmatch(name)
        if match is None or match["height"] != match["width"]:
            raise OptionError(f"patch_info must be a square such as 2.7_80x80, not {name!r}.")
        found.append((float(match["scale"]), int(match["height"])))
    if len({size for _, size in found}) != 1:
        raise OptionError("patch_info: all patches of one network have one size.")
    return tuple(scale for scale, _ in found), found[0][1]


def kind(each: "Field[Any]") -> type:
    """The type of one value of an option: that of its default, or of what its default holds."""
    default = each.default
    if isinstance(default, tuple):
        return {"scales": float, "devices": int}.get(each.name, str)
    return int if default is None else type(default)


def _check(each: "Field[Any]", value: Any) -> None:
    least, most, among = (each.metadata[name] for name in ("least", "most", "among"))
    if value is None:
        return
    if among and value not in among:
        raise OptionError(f"{each.name} must be one of {', '.join(among)}, not {value!r}.")
    if least is not None and not value >= least:
        floor = "must not be negative" if least == 0 else f"must be at least {least}"
        raise OptionError(f"{each.name} {floor}.")
    if most is not None and value > most:
        raise OptionError(f"{each.name} must be at most {most}.")


def _typed(each: "Field[Any]", value: Any) -> Any:
    if isinstance(each.default, tuple):
        return tuple(kind(each)(part) for part in value)
    if each.default is None and value is None:
        return None
    return kind(each)(value)
