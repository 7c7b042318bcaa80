"""What a person may choose about a training run. No torch: forms and the command line read this too."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from liveness.engine.crops import CropError, CropSpec

CALIBRATION_DOMAINS = ("cam08", "cam17", "crop09", "live04", "live13")
"""Never trained on: two webcams and a set of close-ups with both classes, and two sets of bona fide only."""


class OptionError(ValueError):
    """An option is unknown or its value is out of range; the message names it."""


@dataclass(frozen=True)
class Options:
    """One training run. ``minutes`` 0 means no limit of time; ``scales`` and ``size`` describe the patches."""

    epochs: int = 48
    batch: int = 32
    samples_per_epoch: int = 8000
    arch: str = "minifasnet_v2"
    scales: tuple[float, ...] = (1.0, 2.0, 4.0)
    size: int = 96
    minutes: float = 50.0
    seed: int = 1
    limit: int | None = None
    calibration_domains: tuple[str, ...] = CALIBRATION_DOMAINS

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "samples_per_epoch"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} must be at least 1.")
        if self.minutes < 0:
            raise OptionError("minutes must not be negative.")
        if not self.calibration_domains:
            raise OptionError("calibration_domains must name at least one domain.")
        try:
            self.crop  # noqa: B018  (checks scales and size)
        except CropError as error:
            raise OptionError(str(error)) from error

    @property
    def crop(self) -> CropSpec:
        return CropSpec(self.scales, self.size)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; tuples become lists."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain


def from_dict(values: Mapping[str, Any]) -> Options:
    """Options from JSON values; what is missing keeps its default. Raises OptionError."""
    known = {field.name: field for field in fields(Options)}
    unknown = set(values) - set(known)
    if unknown:
        raise OptionError(f"Unknown option: {', '.join(sorted(unknown))}.")
    try:
        return Options(**{name: _typed(name, value) for name, value in values.items()})
    except (TypeError, ValueError) as error:
        raise error if isinstance(error, OptionError) else OptionError(str(error)) from error


def _typed(name: str, value: Any) -> Any:
    if name == "scales":
        return tuple(float(scale) for scale in value)
    if name == "calibration_domains":
        return tuple(str(domain) for domain in value)
    if name == "arch":
        return str(value)
    if name == "minutes":
        return float(value)
    return None if name == "limit" and value is None else int(value)
