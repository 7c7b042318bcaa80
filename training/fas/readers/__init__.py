"""Data sets on disk become samples: one module for each layout, one door for all of them.

A layout is a module with ``NEEDS`` (what it looks for, in words), ``recognises(source)`` and ``read(source, domain)``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from training.fas.data import DataError
from training.fas.readers import celeba_spoof, folders, manifest, nuaa, patch_folders
from training.fas.readers.base import DataSet


class Layout(Protocol):
    """One way to lay a data set out on disk."""

    NEEDS: str

    def recognises(self, source: Path) -> bool: ...

    def read(self, source: Path, domain: str = "") -> DataSet:
        """Raises DataError when the layout is there and cannot be used."""
        ...


FORMATS: Mapping[str, Layout] = {
    "manifest": manifest,
    "patches": patch_folders,
    "celeba-spoof": celeba_spoof,
    "nuaa": nuaa,
    "folders": folders,
}
"""By name, in the order in which they are tried."""


def read(source: Path, format: str | None = None, domain: str = "") -> DataSet:
    """Read a data set; without ``format`` the first layout that recognises it. ``domain`` names its camera.

    Raises DataError: nothing fits, the named format does not fit, no picture is left, or the layout is damaged.
    """
    if not source.exists():
        raise DataError(f"{source} does not exist.")
    found = _layout(source, format).read(source, domain)
    if not found.samples:
        raise DataError(f"{source}: no picture can be used; {len(found.skipped)} were skipped.")
    return found


def _layout(source: Path, name: str | None) -> Layout:
    if name is not None and name not in FORMATS:
        raise DataError(f"Unknown format {name!r}; known: {', '.join(FORMATS)}.")
    tried = {name: FORMATS[name]} if name else FORMATS
    for layout in tried.values():
        if layout.recognises(source):
            return layout
    wanted = "; ".join(f"{key}: {layout.NEEDS}" for key, layout in tried.items())
    raise DataError(f"{source} is no data set of a known format. Looked for {wanted}.")
