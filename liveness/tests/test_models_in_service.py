"""Which model judges: registering, promoting, rolling back, and what happens when one is damaged."""

import asyncio
import shutil
import threading
from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import IntegrityError, transaction
from pytest_django import Settings

from liveness import bundle_store, registry, runtime
from liveness.engine.bundle import BundleError
from liveness.models import ModelVersion
from liveness.tests.bundles import make_bundle

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def default(tmp_path: Path, settings: Settings) -> Path:
    """The default bundle of these tests."""
    make_bundle(tmp_path / "default", 0.9)
    settings.LIVENESS_BUNDLE = str(tmp_path / "default")
    settings.LIVEGATE_GATE_REQUIRED = False
    settings.VAR = tmp_path / "var"
    return tmp_path / "default"


@pytest.fixture
def better(tmp_path: Path) -> ModelVersion:
    """A registered candidate."""
    make_bundle(tmp_path / "better", 0.95)
    return registry.register_model(folder=tmp_path / "better")


def _serving() -> str:
    """What the next attempt but one gets: the first of them may find the new model still being loaded."""
    runtime.get_engine()
    runtime.settle()
    return runtime.get_engine()[1].model.bundle.name


def _stored(model: ModelVersion) -> Path:
    """The model's folder in the storage; there is no local copy."""
    shutil.rmtree(bundle_store.cache(), ignore_errors=True)
    return Path(storages["bundles"].path(model.location))


def _damage(folder: Path) -> None:
    model = bytearray((folder / "model.onnx").read_bytes())
    model[len(model) // 2] ^= 0xFF
    (folder / "model.onnx").write_bytes(model)


def test_without_any_record_the_default_bundle_serves() -> None:
    version, engine = runtime.get_engine()
    assert version is None
    assert engine.model.bundle.name == "constant-0.9"


def test_the_default_bundle_is_recorded_and_active_once() -> None:
    first = registry.ensure_bundled_model()
    assert registry.ensure_bundled_model() == first
    assert (first.state, first.location) == ("active", "")
    assert ModelVersion.objects.count() == 1


def test_a_new_default_replaces_the_old_default(default: Path) -> None:
    old = registry.ensure_bundled_model()
    make_bundle(default, 0.85)
    new = registry.ensure_bundled_model()
    old.refresh_from_db()
    assert (old.state, new.state) == ("retired", "active")


def test_a_new_default_does_not_replace_a_promoted_model(
    default: Path, better: ModelVersion
) -> None:
    registry.ensure_bundled_model()
    registry.promote_model(model=better)
    make_bundle(default, 0.85)
    assert registry.ensure_bundled_model().state == "candidate"
    assert _serving() == "constant-0.95"


def test_a_promoted_model_judges_the_next_attempt(better: ModelVersion) -> None:
    registry.ensure_bundled_model()
    before = runtime.get_engine()[1]
    registry.promote_model(model=better)
    assert _serving() == "constant-0.95"
    version, engine = runtime.get_engine()
    assert version == better
    assert engine is not before
    assert engine is runtime.get_engine()[1]


def test_rolling_back_promotes_the_model_before(better: ModelVersion) -> None:
    first = registry.ensure_bundled_model()
    registry.promote_model(model=better)
    assert registry.roll_back_model() == first
    assert _serving() == "constant-0.9"
    better.refresh_from_db()
    assert better.state == "retired"


def test_there_is_nothing_to_roll_back_to_at_first() -> None:
    registry.ensure_bundled_model()
    with pytest.raises(LookupError):
        registry.roll_back_model()


def test_a_corrupt_bundle_is_not_registered(tmp_path: Path) -> None:
    make_bundle(tmp_path / "bad")
    _damage(tmp_path / "bad")
    with pytest.raises(BundleError, match="SHA-256"):
        registry.register_model(folder=tmp_path / "bad")
    assert not ModelVersion.objects.exists()


def test_a_bundle_that_was_damaged_later_is_not_promoted(better: ModelVersion) -> None:
    registry.ensure_bundled_model()
    _damage(_stored(better))
    with pytest.raises(BundleError):
        registry.promote_model(model=better)
    assert ModelVersion.objects.get(state="active").name == "constant-0.9"


def test_a_folder_that_now_holds_another_model_is_not_promoted(better: ModelVersion) -> None:
    make_bundle(_stored(better), 0.6)
    with pytest.raises(BundleError, match="no longer holds"):
        registry.promote_model(model=better)


def test_a_new_model_that_cannot_be_proven_leaves_the_old_one_serving(
    better: ModelVersion, caplog: pytest.LogCaptureFixture
) -> None:
    registry.ensure_bundled_model()
    runtime.get_engine()
    registry.promote_model(model=better)
    _damage(_stored(better))
    assert _serving() == "constant-0.9"
    version, engine = runtime.get_engine()
    assert engine.model.bundle.name == "constant-0.9"
    assert version is not None
    assert version.name == "constant-0.9"
    assert "cannot be used" in caplog.text
    assert runtime.health() == "ok"


def test_without_a_sound_model_nobody_is_judged(default: Path) -> None:
    _damage(default)
    with pytest.raises(runtime.EngineUnavailable):
        runtime.get_engine()
    assert runtime.health() == "unavailable"


def test_a_failed_load_is_not_tried_again_at_once(
    default: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _damage(default)
    assert runtime.health() == "unavailable"
    monkeypatch.setattr(runtime, "open_engine", lambda *args: pytest.fail("loaded again"))
    assert runtime.health() == "unavailable"


def test_warming_up_records_and_loads_the_default() -> None:
    runtime.warm_up()
    assert ModelVersion.objects.get().state == "active"
    assert runtime.health() == "ok"


def test_warming_up_without_a_sound_model_only_logs(
    default: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _damage(default)
    runtime.warm_up()
    assert "could not be recorded" in caplog.text


def test_the_operator_is_told_at_start_that_the_model_is_damaged(
    default: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _damage(default)
    call_command("check")
    assert "liveness.W001" in capsys.readouterr().err


def test_the_database_knows_only_one_active_model() -> None:
    ModelVersion.objects.create(name="one", sha256="1" * 64, state="active")
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelVersion.objects.create(name="two", sha256="2" * 64, state="active")


async def test_the_pool_refuses_work_when_its_queue_is_full() -> None:
    go_on = threading.Event()
    pool = runtime._Pool(workers=1, queue=1)
    first, second = pool.submit(go_on.wait, 5), pool.submit(go_on.wait, 5)
    with pytest.raises(runtime.Busy):
        pool.submit(go_on.wait, 5)
    go_on.set()
    assert await asyncio.wrap_future(first)
    assert await asyncio.wrap_future(second)
    assert pool.submit(lambda: "free again").result(5) == "free again"


async def test_what_the_pool_runs_does_not_block_the_event_loop() -> None:
    go_on = threading.Event()
    waiting = asyncio.create_task(runtime.run(go_on.wait, 5))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    go_on.set()
    assert await waiting


def test_an_exception_on_the_pool_reaches_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        runtime.run_now(lambda: 1 / 0)
