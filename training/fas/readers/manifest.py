"""Our own format: a CSV as ``data.read_manifest`` describes it, or a folder with a ``manifest.csv``."""

from dataclasses import replace
from pathlib import Path

from training.fas.data import read_manifest
from training.fas.readers.base import DataSet

NEEDS = "a CSV file, or a folder with manifest.csv"


def recognises(source: Path) -> bool:
    return _file(source).suffix.lower() == ".csv" and _file(source).is_file()


def read(source: Path, domain: str = "") -> DataSet:
    """``domain``, if given, takes the place of the manifest's own. Raises DataError."""
    samples = read_manifest(_file(source))
    if domain:
        samples = tuple(replace(sample, domain=domain) for sample in samples)
    return DataSet(_file(source).parent, samples)


def _file(source: Path) -> Path:
    return source / "manifest.csv" if source.is_dir() else source
