"""How a server comes to serve a new champion, what it says meanwhile, and what happens to attempts in flight."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.core.files.storage import storages
from django.utils import timezone
from pytest_django import Settings

from liveness import bundle_store, registry, runtime
from liveness.engine import frames
from liveness.engine.look import Engine
from liveness.models import Attempt, ModelVersion, ServingReport
from liveness.tests.bundles import make_bundle
from liveness.tests.fakes import ALICE, BOX, live
from liveness.tests.sockets import browser, open_ticket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def champion(tmp_path: Path, settings: Settings) -> ModelVersion:
    """The default, as a server has recorded and loaded it."""
    make_bundle(tmp_path / "default", 0.9)
    settings.LIVENESS_BUNDLE = str(tmp_path / "default")
    settings.LIVEGATE_GATE_REQUIRED = False
    settings.VAR = tmp_path / "var"
    runtime.forget()
    runtime.warm_up()
    return ModelVersion.objects.get()


@pytest.fixture
def candidate(tmp_path: Path) -> ModelVersion:
    make_bundle(tmp_path / "better", 0.95)
    return registry.register_model(folder=tmp_path / "better")


def _serving() -> str:
    return runtime.get_engine()[1].model.bundle.name


def _report() -> ServingReport:
    return ServingReport.objects.get(replica=runtime.replica())


def _damage(model: ModelVersion) -> None:
    (Path(storages["bundles"].path(model.location)) / "model.onnx").write_bytes(b"damaged")
    for file in bundle_store.cache().rglob("model.onnx"):
        file.write_bytes(b"damaged")


class _Slow:
    """Loading stops until it may go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = threading.Event()
        load = runtime._load

        def slow(*args: Any) -> Any:
            self.go_on.wait(10)
            return load(*args)

        monkeypatch.setattr(runtime, "_load", slow)


def test_the_old_model_serves_while_the_new_one_is_loaded(
    candidate: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = _Slow(monkeypatch)
    registry.promote_model(model=candidate)
    assert [_serving() for _ in range(3)] == ["constant-0.9"] * 3
    assert runtime.model_state() == "loading"
    slow.go_on.set()
    runtime.settle()
    assert _serving() == "constant-0.95"
    assert runtime.model_state() == "current"


def test_a_server_says_what_it_serves(champion: ModelVersion, candidate: ModelVersion) -> None:
    assert (_report().serving, _report().problem) == (champion.sha256, "")
    registry.promote_model(model=candidate)
    _serving()
    runtime.settle()
    _serving()
    assert (_report().serving, _report().wanted) == (candidate.sha256, candidate.sha256)


def test_a_server_says_why_it_goes_on_with_the_old_model(
    champion: ModelVersion, candidate: ModelVersion
) -> None:
    registry.promote_model(model=candidate)
    _damage(candidate)
    _serving()
    runtime.settle()
    assert _serving() == "constant-0.9"
    report = _report()
    assert (report.serving, report.wanted) == (champion.sha256, candidate.sha256)
    assert "stored bundle of constant-0.95 is damaged" in report.problem
    assert (runtime.health(), runtime.model_state()) == ("ok", "behind")


def test_a_roll_back_ends_the_trouble(candidate: ModelVersion) -> None:
    registry.promote_model(model=candidate)
    _damage(candidate)
    _serving()
    runtime.settle()
    registry.roll_back_model()
    assert _serving() == "constant-0.9"
    assert (_report().problem, runtime.model_state()) == ("", "current")


def test_rolling_back_needs_no_loading(
    champion: ModelVersion, candidate: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.promote_model(model=candidate)
    _serving()
    runtime.settle()
    assert _serving() == "constant-0.95"
    registry.roll_back_model()
    monkeypatch.setattr(runtime, "_load", lambda *args: pytest.fail("loaded again"))
    assert _serving() == "constant-0.9"


def test_a_server_that_said_nothing_for_a_day_is_forgotten() -> None:
    old = timezone.now() - timedelta(days=1, minutes=1)
    ServingReport.objects.create(replica="gone:1", updated=old)
    registry.note_serving(replica="here:2", serving="", wanted="", problem="")
    assert not ServingReport.objects.filter(replica="gone:1").exists()


def test_a_command_that_judges_is_no_server(champion: ModelVersion) -> None:
    ServingReport.objects.all().delete()
    runtime.forget()
    assert _serving() == "constant-0.9"
    assert not ServingReport.objects.exists()


def test_the_health_page_says_whether_the_model_is_current(client: Any) -> None:
    assert client.get("/readyz").json()["model"] == "current"


async def test_twenty_attempts_during_a_promotion_are_each_judged_by_one_model(
    champion: ModelVersion, candidate: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    _let_models_look(monkeypatch)
    await _promote_during_attempts(candidate)
    attempts = [attempt async for attempt in Attempt.objects.all()]
    assert [attempt.state for attempt in attempts] == ["passed"] * 20
    by_model = {attempt.model_sha256 for attempt in attempts}
    assert by_model == {champion.sha256, candidate.sha256}
    for attempt in attempts:
        wanted = 0.9 if attempt.model_sha256 == champion.sha256 else 0.95
        assert {round(frame["p"], 2) for frame in attempt.frames} == {wanted}


def _let_models_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real engines and real networks, but every frame shows Alice's face."""

    def look(self: Engine, jpeg: bytes, picture: frames.Picture | None = None) -> Any:
        return live(self.score(frames.decode(jpeg) if picture is None else picture, BOX))

    monkeypatch.setattr(Engine, "look", look)
    monkeypatch.setattr(Engine, "embed", lambda self, data, face: ALICE)


async def _promote_during_attempts(candidate: ModelVersion) -> None:
    """Ten attempts are under way when the promotion comes, ten begin after it."""
    under_way = asyncio.Event()
    first = [asyncio.create_task(_attempt(under_way)) for _ in range(10)]
    await asyncio.sleep(0.4)
    await database_sync_to_async(registry.promote_model)(model=candidate)
    await database_sync_to_async(runtime.get_engine)()
    await asyncio.to_thread(runtime.settle)
    under_way.set()
    await asyncio.gather(*first, *(_attempt(under_way) for _ in range(10)))


async def _attempt(go_on: asyncio.Event) -> None:
    async with browser() as page:
        ready = await page.start(await open_ticket())
        assert ready["type"] == "ready", ready
        await page.show()
        await go_on.wait()
        assert (await page.show_until_verdict(0.2))["verdict"] == "pass"
