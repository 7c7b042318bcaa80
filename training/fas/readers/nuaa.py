"""The raw pictures of the NUAA Imposter Database (Tan et al., ECCV 2010): ``ClientRaw``, ``ImposterRaw`` and four lists.

Every attack is a print. The published train and test lists share the camera, so all rows train: hold the whole domain
out to judge on it. There are no boxes; the detector finds them later.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from training.fas.data import DataError, Sample
from training.fas.readers.base import NO_PICTURE, DataSet, is_picture

FOLDERS = {"client": "ClientRaw", "imposter": "ImposterRaw"}
NEEDS = (
    "ClientRaw and ImposterRaw (or raw/… with both) with lists such as client_train_raw.txt and "
    "imposter_test_raw.txt"
)


def recognises(source: Path) -> bool:
    return any(_lists(_root(source)))


def read(source: Path, domain: str = "nuaa") -> DataSet:
    """Raises DataError for a list that cannot be read."""
    root = _root(source)
    samples: dict[str, Sample] = {}
    skipped: dict[str, str] = {}
    for kind, path in _listed(root):
        reason = _fault(root, path)
        if reason:
            skipped[path] = reason
        else:
            samples[path] = _sample(kind, path, domain or "nuaa")
    return DataSet(root, tuple(samples[path] for path in sorted(samples)), skipped)


def _listed(root: Path) -> Iterator[tuple[str, str]]:
    """Client or imposter, and the path below the root."""
    for kind, path in _lists(root):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read: {error}") from error
        for line in filter(None, map(str.strip, lines)):
            yield kind, f"{FOLDERS[kind]}/{_slashes(line)}"


def _slashes(line: str) -> str:
    """``0001\\0001_00_00_01_0.jpg``, with one backslash or two, as a path."""
    return "/".join(filter(None, line.replace("\\", "/").split("/")))


def _fault(root: Path, path: str) -> str:
    parts = PurePosixPath(path).parts
    if len(parts) != 3 or ".." in parts:
        return "not subject\\picture"
    if not is_picture(Path(path)):
        return NO_PICTURE
    return "" if (root / path).is_file() else "listed, but not there"


def _sample(kind: str, path: str, domain: str) -> Sample:
    return Sample(
        path=path,
        domain=domain,
        subject=PurePosixPath(path).parts[1],
        live=kind == "client",
        species="" if kind == "client" else "print",
        split="train",
        box=None,
    )


def _root(source: Path) -> Path:
    return source if any(_lists(source)) else source / "raw"


def _lists(root: Path) -> Iterator[tuple[str, Path]]:
    for kind, folder in FOLDERS.items():
        if (root / folder).is_dir():
            for part in ("train", "test"):
                path = root / f"{kind}_{part}_raw.txt"
                if path.is_file():
                    yield kind, path
