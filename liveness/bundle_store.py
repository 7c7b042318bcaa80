"""Where bundles live: in the storage "bundles", under ``models/<sha256>/<try>/``, and as verified local copies.

Only Django's storage API is used, so that the storage may be a disk or S3. A storage cannot rename: every try writes
into a folder of its own, nothing points there until all of it was read back, and a try that fails is deleted.
"""

import hashlib
import logging
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages

from liveness.engine import bundle as bundles
from liveness.engine.bundle import Bundle, BundleError
from liveness.models import ModelVersion, default_folder

logger = logging.getLogger(__name__)

_MANIFEST = "manifest.json"


def put(folder: Path, bundle: Bundle) -> str:
    """Copy a bundle's files into the storage, whole or not at all, and give back their folder there.

    Raises BundleError in words: a full disk, an unreachable storage, or bytes that came back altered.
    """
    location = f"models/{bundle.sha256}/{secrets.token_hex(4)}"
    files = {name: (folder / name).read_bytes() for name in file_names(bundle.manifest)}
    try:
        for name, data in files.items():
            _save(_storage(), f"{location}/{name}", data)
    except Exception as error:
        remove(location, bundle.manifest)
        raise BundleError(f"The bundle could not be stored, nothing was kept: {error}") from error
    return location


def remove(location: str, manifest: Mapping[str, object]) -> None:
    """Delete what a try has written; what cannot be deleted is left behind and never pointed to."""
    for name in file_names(manifest):
        with suppress(Exception):
            _storage().delete(f"{location}/{name}")


def local_folder(model: ModelVersion) -> Path:
    """A folder with the model's bundle, verified against its row. Raises BundleError.

    The default bundle is used where it lies; others are fetched once and kept below VAR/bundles. A kept copy that was
    altered is thrown away, said in the log, and fetched anew.
    """
    folder = in_place(model)
    if folder is not None:
        verify(folder, model)
        return folder
    kept = cache() / model.sha256
    if kept.exists() and not _sound(kept, model):
        _discard(kept)
    if not kept.exists():
        _fetch(model, kept)
    return kept


def in_place(model: ModelVersion) -> Path | None:
    """The folder of a model that needs no copy: the default bundle, or one that was registered where it lay."""
    if not model.location:
        return default_folder()
    return Path(model.location) if Path(model.location).is_absolute() else None


def verify(folder: Path, model: ModelVersion) -> Bundle:
    """The bundle in a folder, if it is the model's: weights and every word of the manifest. Raises BundleError."""
    bundle = bundles.load(folder)
    if bundle.sha256 != model.sha256:
        raise BundleError(f"{folder} no longer holds {model.name}.")
    if dict(bundle.manifest) != model.manifest:
        raise BundleError(f"{folder}/{_MANIFEST} is not the one {model.name} was registered with.")
    return bundle


def file_names(manifest: Mapping[str, object]) -> list[str]:
    """The files of a bundle; each lies in its folder, or ``bundles.load`` would have refused it."""
    names = [_MANIFEST]
    for part in ("model", "golden"):
        fields = manifest[part]
        assert isinstance(fields, Mapping)  # noqa: S101  (bundles.load has read it)
        names.append(str(fields["file"]))
    return names


def cache() -> Path:
    """Where verified copies are kept; several replicas may share it."""
    return Path(settings.VAR) / "bundles"


def _storage() -> Storage:
    return storages["bundles"]


def _save(storage: Storage, name: str, data: bytes) -> None:
    """Write one file and read it back. Raises OSError when anything else came back."""
    written = storage.save(name, ContentFile(data))
    if written != name:
        storage.delete(written)
        raise OSError(f"{name} was there already.")
    with storage.open(name) as file:
        if hashlib.sha256(file.read()).digest() != hashlib.sha256(data).digest():
            raise OSError(f"{name} came back altered.")


def _fetch(model: ModelVersion, kept: Path) -> None:
    """Copy from the storage beside ``kept``, verify, then rename: whoever comes second keeps the first one's copy."""
    cache().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache(), prefix=".fetch-") as name:
        fetched = Path(name) / "bundle"
        fetched.mkdir()
        try:
            for file in file_names(model.manifest):
                (fetched / file).write_bytes(_read(f"{model.location}/{file}"))
        except Exception as error:
            raise BundleError(f"The bundle of {model.name} cannot be fetched: {error}") from error
        try:
            verify(fetched, model)
        except BundleError as error:
            raise BundleError(f"The stored bundle of {model.name} is damaged: {error}") from error
        _keep(fetched, kept, model)


def _keep(fetched: Path, kept: Path, model: ModelVersion) -> None:
    try:
        fetched.rename(kept)
    except OSError as error:
        if not (kept.exists() and _sound(kept, model)):
            raise BundleError(f"{kept} cannot be written: {error}") from error


def _read(name: str) -> bytes:
    with _storage().open(name) as file:
        data = file.read()
    return data if isinstance(data, bytes) else data.encode()


def _sound(kept: Path, model: ModelVersion) -> bool:
    try:
        verify(kept, model)
    except BundleError as error:
        logger.error("a local copy is refused and fetched anew: %s", error)
        return False
    return True


def _discard(kept: Path) -> None:
    """Out of the way in one step, so that nobody reads a folder that is half deleted."""
    aside = kept.with_name(f".altered-{kept.name}-{secrets.token_hex(4)}")
    with suppress(OSError):
        kept.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)
