"""What every reader of a data set gives, and the little that they share."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from training.fas.data import Sample

PICTURES = (".jpg", ".jpeg", ".png")
NO_PICTURE = f"not a picture file ({', '.join(PICTURES)})"


@dataclass(frozen=True)
class DataSet:
    """Samples whose paths are relative to ``root``; ``skipped``: what is on disk or in a list and cannot be used, path → reason."""

    root: Path
    samples: tuple[Sample, ...]
    skipped: dict[str, str] = field(default_factory=dict)


def files(folder: Path) -> Iterator[Path]:
    """All files below a folder in the order of their names; hidden ones are nobody's data."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path


def is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES
