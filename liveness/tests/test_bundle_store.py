"""Bundles in the storage and their local copies: whole or not at all, and never an altered one."""

import errno
import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, storages
from pytest_django import Settings

from liveness import bundle_store, registry
from liveness.engine import bundle as bundles
from liveness.engine.bundle import BundleError
from liveness.models import ModelVersion
from liveness.tests.bundles import make_bundle

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def storage(tmp_path: Path, settings: Settings) -> Path:
    """The folder of a storage that holds nothing yet."""
    settings.VAR = tmp_path / "var"
    settings.STORAGES = settings.STORAGES | {
        "bundles": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "storage")},
        }
    }
    return tmp_path / "storage"


@pytest.fixture
def model(tmp_path: Path) -> ModelVersion:
    make_bundle(tmp_path / "made", 0.95)
    return registry.register_model(folder=tmp_path / "made")


def _cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_registered_model_does_not_need_the_folder_it_came_from(
    tmp_path: Path, model: ModelVersion
) -> None:
    for file in _files(tmp_path / "made"):
        file.unlink()
    folder = bundle_store.local_folder(model)
    assert bundles.load(folder).sha256 == model.sha256
    assert folder == tmp_path / "var" / "bundles" / model.sha256


def test_the_default_bundle_is_used_where_it_lies(tmp_path: Path, settings: Settings) -> None:
    make_bundle(tmp_path / "default", 0.9)
    settings.LIVENESS_BUNDLE = str(tmp_path / "default")
    default = registry.ensure_bundled_model()
    assert bundle_store.local_folder(default) == tmp_path / "default"
    assert not (tmp_path / "var" / "bundles").exists()


@pytest.mark.parametrize("name", ["model.onnx", "golden.npz", "manifest.json"])
def test_a_truncated_bundle_in_the_storage_is_refused(
    storage: Path, model: ModelVersion, name: str
) -> None:
    _cut_short(storage / model.location / name)
    with pytest.raises(BundleError, match=r"stored bundle of .* is damaged"):
        bundle_store.local_folder(model)
    assert not _files(bundle_store.cache())


def test_a_manifest_with_another_threshold_is_refused(storage: Path, model: ModelVersion) -> None:
    manifest = storage / model.location / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"value": 0.7', '"value": 0.1'))
    with pytest.raises(BundleError, match="not the one"):
        bundle_store.local_folder(model)


def test_a_missing_file_in_the_storage_is_refused(storage: Path, model: ModelVersion) -> None:
    (storage / model.location / "model.onnx").unlink()
    with pytest.raises(BundleError, match="cannot be fetched"):
        bundle_store.local_folder(model)


def test_an_altered_copy_is_said_and_fetched_anew(
    model: ModelVersion, caplog: pytest.LogCaptureFixture
) -> None:
    folder = bundle_store.local_folder(model)
    _cut_short(folder / "model.onnx")
    assert bundles.load(bundle_store.local_folder(model)).sha256 == model.sha256
    assert "refused and fetched anew" in caplog.text
    assert [path.name for path in bundle_store.cache().iterdir()] == [model.sha256]


def test_an_altered_copy_is_refused_when_the_storage_is_damaged_too(
    storage: Path, model: ModelVersion
) -> None:
    _cut_short(bundle_store.local_folder(model) / "model.onnx")
    _cut_short(storage / model.location / "model.onnx")
    with pytest.raises(BundleError, match="damaged"):
        bundle_store.local_folder(model)


def test_a_full_disk_leaves_neither_a_row_nor_a_file(
    tmp_path: Path, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage_class: Any = FileSystemStorage
    kept = storage_class._save

    def full(self: Any, name: str, content: Any) -> Any:
        if name.endswith(".onnx"):
            (storage / name).write_bytes(b"half of it")
            raise OSError(errno.ENOSPC, "No space left on device")
        return kept(self, name, content)

    make_bundle(tmp_path / "made", 0.95)
    monkeypatch.setattr(FileSystemStorage, "_save", full)
    with pytest.raises(BundleError, match="No space left on device"):
        registry.register_model(folder=tmp_path / "made")
    assert not ModelVersion.objects.exists()
    assert not _files(storage)
    monkeypatch.undo()
    assert registry.register_model(folder=tmp_path / "made").state == "candidate"


def test_bytes_that_come_back_altered_are_not_registered(
    tmp_path: Path, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage_class: Any = FileSystemStorage
    kept = storage_class._save

    def altered(self: Any, name: str, content: Any) -> Any:
        saved = kept(self, name, content)
        _cut_short(storage / name)
        return saved

    make_bundle(tmp_path / "made", 0.95)
    monkeypatch.setattr(FileSystemStorage, "_save", altered)
    with pytest.raises(BundleError, match="came back altered"):
        registry.register_model(folder=tmp_path / "made")
    assert not ModelVersion.objects.exists()
    assert not _files(storage)


def test_a_storage_without_paths_is_enough(
    model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 has none: ``path`` raises there."""

    monkeypatch.setattr(bundle_store, "_storage", lambda: _Remote(storages["bundles"]))
    assert bundles.load(bundle_store.local_folder(model)).name == "constant-0.95"


class _Remote:
    """A storage that offers what every storage does, and no more."""

    def __init__(self, inner: Any) -> None:
        self.open, self.save, self.delete = inner.open, inner.save, inner.delete


def test_two_replicas_may_fetch_at_once(model: ModelVersion) -> None:
    found: list[Path] = []

    def fetch() -> None:
        found.append(bundle_store.local_folder(model))

    replicas = [threading.Thread(target=fetch) for _ in range(8)]
    for replica in replicas:
        replica.start()
    for replica in replicas:
        replica.join()
    assert len(found) == 8
    assert [path.name for path in bundle_store.cache().iterdir()] == [model.sha256]


def test_known_weights_with_another_manifest_are_refused(
    tmp_path: Path, model: ModelVersion
) -> None:
    make_bundle(tmp_path / "other", 0.95, threshold=0.2)
    with pytest.raises(BundleError, match="a version never changes"):
        registry.register_model(folder=tmp_path / "other")
    model.refresh_from_db()
    assert model.manifest["threshold"]["value"] == 0.7


def test_registering_the_same_bundle_twice_keeps_one_row(
    tmp_path: Path, storage: Path, model: ModelVersion, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    assert registry.register_model(folder=tmp_path / "made") == model
    assert len(_files(storage)) == 3


def test_a_version_knows_its_parent_its_data_and_its_figures(
    tmp_path: Path, model: ModelVersion, reviewer: Any
) -> None:
    make_bundle(tmp_path / "child", 0.96)
    child = registry.register_model(
        folder=tmp_path / "child", parent=model, data_digest="d" * 64, trained_by=reviewer
    )
    assert (child.parent, child.data_digest, child.trained_by) == (model, "d" * 64, reviewer)
    assert [event.text for event in child.events.all()] == ["registered"]
