"""The shadow model: it sees what the champion sees, says what it would have done, and has no say."""

import threading
import time
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from liveness import registry, runtime
from liveness.models import Attempt, ModelVersion
from liveness.registry import GateError
from liveness.tests.bundles import make_bundle
from liveness.tests.fakes import FakeEngine, live, spoof, unclear
from liveness.tests.sockets import browser, open_ticket, the_attempt

pytestmark = pytest.mark.django_db(transaction=True)


async def _watched(champion: Any, shadow: Any) -> tuple[dict[str, Any], Attempt]:
    """The verdict the person got, and the attempt once the socket is gone."""
    with runtime.override(champion, shadow):
        async with browser() as page:
            await page.start(await open_ticket())
            verdict = await page.show_until_verdict(0.2)
            assert await page.close_code() == 1000
    return verdict, await the_attempt()


class _Troubled(FakeEngine):
    """Does something else when it is asked for a score."""

    def __init__(self, act: Any) -> None:
        super().__init__(live())
        self._act = act

    def score(self, picture: Any, box: Any) -> float:
        self._act()
        return super().score(picture, box)


async def test_a_shadow_that_disagrees_changes_no_verdict() -> None:
    verdict, attempt = await _watched(FakeEngine(live()), FakeEngine(spoof()))
    assert verdict["verdict"] == "pass"
    assert (attempt.state, attempt.model_sha256) == ("passed", "f" * 64)
    assert attempt.shadow is not None
    assert (attempt.shadow["champion"], attempt.shadow["verdict"]) == ("pass", "fail")
    assert len(attempt.shadow["scores"]) == len(attempt.frames)


async def test_a_shadow_that_would_pass_a_spoof_does_not() -> None:
    verdict, attempt = await _watched(FakeEngine(spoof()), FakeEngine(live()))
    assert verdict["verdict"] == "fail"
    assert attempt.state == "failed"
    assert attempt.shadow is not None
    assert attempt.shadow["verdict"] == "pass"


async def test_frames_that_the_champion_does_not_judge_are_not_scored() -> None:
    shadow = FakeEngine(live())
    _, attempt = await _watched(FakeEngine([unclear(), unclear(), live()]), shadow)
    assert attempt.shadow is not None
    assert len(attempt.shadow["scores"]) == len(attempt.frames) - 2


async def test_an_exception_in_the_shadow_is_counted_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise RuntimeError("boom")

    verdict, attempt = await _watched(FakeEngine(live()), _Troubled(fail))
    assert verdict["verdict"] == "pass"
    assert attempt.shadow is not None
    assert attempt.shadow["failed"] == len(attempt.frames)
    assert (attempt.shadow["verdict"], attempt.shadow["pooled"]) == ("undecided", None)
    assert "the shadow model failed on a frame" in caplog.text


async def test_a_slow_shadow_drops_frames_and_delays_no_answer(settings: Settings) -> None:
    go_on = threading.Event()
    settings.LIVENESS_SHADOW_QUEUE = 1
    runtime._shadow_pool = None
    began = time.monotonic()
    try:
        with runtime.override(FakeEngine(live()), _Troubled(lambda: go_on.wait(8))):
            async with browser() as page:
                await page.start(await open_ticket())
                verdict = await page.show_until_verdict(0.2)
                took = time.monotonic() - began
                go_on.set()
        attempt = await the_attempt()
    finally:
        runtime._shadow_pool = None
    assert (verdict["verdict"], took < 4) == ("pass", True)
    assert attempt.shadow is not None
    assert attempt.shadow["dropped"] == len(attempt.frames) - 2


async def test_an_opinion_that_cannot_be_written_is_lost_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**values: Any) -> None:
        raise OperationalError("disk full")

    monkeypatch.setattr(registry, "note_shadow", broken)
    verdict, attempt = await _watched(FakeEngine(live()), FakeEngine(spoof()))
    assert (verdict["verdict"], attempt.state, attempt.shadow) == ("pass", "passed", None)
    assert "opinion is lost" in caplog.text


async def test_without_a_shadow_nothing_is_kept() -> None:
    _, attempt = await _watched(FakeEngine(live()), None)
    assert attempt.shadow is None


def test_one_model_is_in_the_shadow_at_a_time(
    two_models: tuple[ModelVersion, ModelVersion],
) -> None:
    first, second = two_models
    registry.start_shadow(model=first)
    registry.start_shadow(model=second)
    assert ModelVersion.objects.get(shadow=True) == second
    registry.stop_shadow()
    assert not ModelVersion.objects.filter(shadow=True).exists()


def test_the_champion_cannot_be_its_own_shadow(
    two_models: tuple[ModelVersion, ModelVersion],
) -> None:
    with pytest.raises(GateError, match="judges already"):
        registry.start_shadow(model=registry.ensure_bundled_model())


def test_a_promoted_shadow_is_none_any_more(
    two_models: tuple[ModelVersion, ModelVersion], settings: Settings
) -> None:
    settings.LIVEGATE_GATE_REQUIRED = False
    registry.start_shadow(model=two_models[0])
    assert not registry.promote_model(model=two_models[0]).shadow


def test_the_shadow_is_loaded_behind_the_scenes(
    two_models: tuple[ModelVersion, ModelVersion],
) -> None:
    registry.ensure_bundled_model()
    registry.start_shadow(model=two_models[0])
    runtime.get_shadow()
    runtime.settle()
    engine = runtime.get_shadow()
    assert engine is not None
    assert engine.model.bundle.name == "constant-0.95"
    registry.stop_shadow()
    assert runtime.get_shadow() is None


@pytest.fixture
def two_models(tmp_path: Any, settings: Settings) -> tuple[ModelVersion, ModelVersion]:
    """Two candidates beside the default."""
    settings.LIVENESS_BUNDLE = str(tmp_path / "default")
    settings.VAR = tmp_path / "var"
    for name, p_live in (("default", 0.9), ("one", 0.95), ("two", 0.96)):
        make_bundle(tmp_path / name, p_live)
    registry.ensure_bundled_model()
    return (
        registry.register_model(folder=tmp_path / "one"),
        registry.register_model(folder=tmp_path / "two"),
    )
