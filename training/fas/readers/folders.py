"""Plain folders: ``live/…`` and ``spoof/{print,screen,mask}/…`` or ``spoof/…``, or these below one folder a camera."""

from collections.abc import Iterator
from pathlib import Path

from training.fas.data import SPECIES, Sample
from training.fas.readers.base import NO_PICTURE, DataSet, files, is_picture

NEEDS = (
    "live/ and spoof/ (with print/, screen/, mask/ inside), or the same below one folder a camera"
)


def recognises(source: Path) -> bool:
    return any(_cameras(source, ""))


def read(source: Path, domain: str = "") -> DataSet:
    """Camera folders name the domains, after ``domain`` if it is given; without them it is the source's own name.

    People are not known: keep everybody before one camera only.
    """
    samples: list[Sample] = []
    skipped: dict[str, str] = {}
    for name, camera in _cameras(source, domain):
        for path in _labelled(camera):
            relative = path.relative_to(source).as_posix()
            if is_picture(path):
                samples.append(_sample(relative, path.relative_to(camera).parts, name))
            else:
                skipped[relative] = NO_PICTURE
    return DataSet(source, tuple(samples), skipped)


def _cameras(source: Path, domain: str) -> Iterator[tuple[str, Path]]:
    """Domains with their folders."""
    if not source.is_dir():
        return
    if _has_labels(source):
        yield domain or source.resolve().name, source
        return
    for folder in sorted(source.iterdir()):
        if folder.is_dir() and _has_labels(folder):
            yield f"{domain}-{folder.name}" if domain else folder.name, folder


def _has_labels(folder: Path) -> bool:
    return (folder / "live").is_dir() or (folder / "spoof").is_dir()


def _labelled(camera: Path) -> Iterator[Path]:
    for label in ("live", "spoof"):
        if (camera / label).is_dir():
            yield from files(camera / label)


def _sample(path: str, parts: tuple[str, ...], domain: str) -> Sample:
    live = parts[0] == "live"
    named = parts[1] if len(parts) > 2 and parts[1] in SPECIES else "mixed"
    return Sample(
        path=path,
        domain=domain,
        subject="",
        live=live,
        species="" if live else named,
        split="train",
        box=None,
    )
