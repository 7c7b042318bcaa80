"""The conversation from the ticket to the verdict."""

import asyncio
import inspect
import threading
import time
from typing import Any

import channels.consumer
import pytest
from channels.db import database_sync_to_async
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper
from pytest_django import Settings

from liveness import consumers, runtime, services, tasks
from liveness.engine.crops import Box
from liveness.engine.quality import Quality
from liveness.protocol import Close
from liveness.tests.fakes import (
    ALICE,
    MALLORY,
    FakeEngine,
    HookedEngine,
    live,
    serving,
    spoof,
    unclear,
)
from liveness.tests.sockets import Browser, browser, open_ticket, started, the_attempt

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_living_face_passes_and_the_attempt_waits_for_its_claim() -> None:
    async with started(FakeEngine(live())) as page:
        verdict = await page.show_until_verdict(0.15)
        assert (verdict["verdict"], verdict["reason"]) == ("pass", None)
        assert await page.close_code() == 1000
    attempt = await the_attempt()
    assert attempt.state == "passed"
    assert verdict["attempt"] == str(attempt.pk)


async def test_a_spoof_is_refused_and_kept_for_review() -> None:
    async with started(FakeEngine(spoof())) as page:
        verdict = await page.show_until_verdict(0.15)
        assert (verdict["verdict"], verdict["reason"]) == ("fail", "spoof")
    attempt = await the_attempt()
    assert attempt.state == "failed"
    assert await attempt.evidence.exclude(kind="sequence").acount() == 1


async def test_two_people_in_one_attempt_are_refused() -> None:
    async with started(FakeEngine(live(), [ALICE, MALLORY])) as page:
        assert (await page.show_until_verdict(0.15))["reason"] == "different_people"
    assert (await the_attempt()).secret is None


async def test_the_first_answer_says_what_is_expected() -> None:
    with runtime.override(FakeEngine()):
        async with browser() as page:
            ready = await page.start(await open_ticket("enrol"))
    assert len(bytes.fromhex(ready.pop("nonce"))) == 16
    expected = {"deadline": 45, "max_bytes": 400_000, "frames": 10, "pace": 125}
    assert ready == {"type": "ready", **expected}


async def test_a_hint_says_what_to_do_and_never_a_score() -> None:
    looks = [unclear(Quality.TOO_FAR), live(0.97, Box(80, 60, 160, 120))]
    async with started(FakeEngine(looks)) as page:
        first, second = await page.show(), await page.show()
    assert (first["code"], first["progress"], first["seq"]) == ("too_far", 0.0, 1)
    assert second == {
        "type": "hint",
        "code": None,
        "progress": 0.167,
        "seq": 2,
        "box": [0.25, 0.25, 0.5, 0.5],
        "pace": 125,
    }


async def test_the_deadline_ends_an_attempt_without_a_verdict(settings: Settings) -> None:
    settings.LIVENESS_DEADLINE_SECONDS = 1
    async with started(FakeEngine(unclear(Quality.TOO_DARK))) as page:
        await page.show()
        verdict = await page.hear()
        assert (verdict["verdict"], verdict["reason"]) == ("abstain", "too_dark")
        assert await page.close_code() == 1000
    assert (await the_attempt()).state == "abstained"


async def test_a_deadline_during_a_look_waits_for_that_look(settings: Settings) -> None:
    settings.LIVENESS_DEADLINE_SECONDS = 1
    engine = HookedEngine(lambda: time.sleep(1.3), unclear(Quality.TOO_DARK))
    async with started(engine) as page:
        verdict = await page.show()
    assert (verdict["verdict"], verdict["reason"]) == ("abstain", "too_dark")


async def test_a_silent_attempt_times_out(settings: Settings) -> None:
    settings.LIVENESS_DEADLINE_SECONDS = 1
    async with started(FakeEngine()) as page:
        assert (await page.hear())["reason"] == "timed_out"


async def test_a_socket_that_never_starts_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "_START_SECONDS", 0.1)
    async with browser() as page:
        assert await page.hear() == {"type": "error", "code": "deadline"}
        assert await page.close_code() == 4408


async def test_a_socket_dropped_mid_attempt_abandons_it() -> None:
    async with started(FakeEngine(live())) as page:
        await page.show()
    attempt = await the_attempt()
    assert (attempt.state, len(attempt.frames)) == ("abandoned", 1)
    assert not await attempt.evidence.aexists()


async def test_a_socket_dropped_during_a_look_abandons_the_attempt() -> None:
    looking, go_on = threading.Event(), threading.Event()

    def hook() -> None:
        looking.set()
        go_on.wait(5)

    async with started(HookedEngine(hook)) as page:
        await page.send_frame(b"a frame")
        await asyncio.to_thread(looking.wait, 5)
    go_on.set()
    assert (await the_attempt()).state == "abandoned"


async def test_a_cancelled_attempt_is_abandoned() -> None:
    async with started(FakeEngine()) as page:
        await page.socket.send_json_to({"type": "cancel"})
        assert await page.close_code() == 1000
    assert (await the_attempt()).state == "abandoned"


async def test_a_server_that_shuts_down_leaves_no_attempt_running() -> None:
    page = Browser()
    with serving(FakeEngine(live())):
        await page.socket.connect()
        await page.start(await open_ticket())
        await page.show()
    page.socket.future.cancel()
    await asyncio.wait({page.socket.future}, timeout=5)
    assert (await the_attempt()).state == "abandoned"


async def test_an_exception_in_the_engine_is_an_error_and_never_a_pass() -> None:
    async with started(FakeEngine([live(), RuntimeError("boom")])) as page:
        await page.show()
        assert await page.show() == {"type": "error", "code": "internal_error"}
        assert await page.close_code() == 4500
    attempt = await the_attempt()
    assert (attempt.state, attempt.reason, attempt.secret) == ("error", "internal_error", None)


async def test_a_look_that_hangs_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "_LOOK_SECONDS", 0.2)
    async with started(HookedEngine(lambda: time.sleep(0.6))) as page:
        assert (await page.show())["code"] == "internal_error"
    assert (await the_attempt()).state == "error"


@pytest.mark.parametrize("step", ["start_attempt", "close_attempt"])
async def test_a_database_that_is_away_lets_nobody_in_and_is_said(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def away(**values: Any) -> None:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(services, step, away)
    with runtime.override(FakeEngine(live())):
        async with browser() as page:
            answer = await page.start(await open_ticket())
            if step == "close_attempt":
                answer = await page.show_until_verdict(0.15)
            assert answer == {"type": "error", "code": "unavailable"}
            assert await page.close_code() == 4503
    assert (await the_attempt()).secret is None


async def test_a_pass_that_cannot_be_written_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**values: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(services, "close_attempt", broken)
    async with started(FakeEngine(live())) as page:
        assert (await page.show_until_verdict(0.15))["code"] == "internal_error"
    assert (await the_attempt()).state == "error"


async def test_trouble_after_the_verdict_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OSError("cache unreachable")

    monkeypatch.setattr(tasks, "purge_if_due", broken)
    async with started(FakeEngine(live())) as page:
        assert (await page.show_until_verdict(0.15))["verdict"] == "pass"
        assert await page.close_code() == 1000
        assert await page.socket.receive_nothing()
    assert (await the_attempt()).state == "passed"


async def test_without_a_proven_model_the_service_is_unavailable(settings: Settings) -> None:
    settings.LIVENESS_BUNDLE = "/nowhere"
    async with browser() as page:
        answer = await page.start(await open_ticket())
        assert answer == {"type": "error", "code": "unavailable"}
        assert await page.close_code() == 4503
    attempt = await the_attempt()
    assert (attempt.state, attempt.reason) == ("error", "unavailable")


async def test_a_full_queue_ends_the_attempt_as_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*args: Any) -> None:
        raise runtime.Busy("full")

    async with started(FakeEngine()) as page:
        monkeypatch.setattr(runtime, "run", full)
        assert await page.show() == {"type": "error", "code": "busy"}
        assert await page.close_code() == 4503


async def test_a_passed_attempt_can_be_claimed_by_its_session() -> None:
    async with started(FakeEngine(live()), "enrol") as page:
        verdict = await page.show_until_verdict(0.25)
    claim = database_sync_to_async(services.claim_attempt)
    attempt, embedding = await claim(
        attempt_id=verdict["attempt"], session_key="a" * 32, purpose="enrol"
    )
    assert attempt.state == "claimed"
    assert embedding == pytest.approx(ALICE, abs=1e-5)


async def test_no_query_is_made_between_the_start_and_the_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a query per frame")

    async with started(FakeEngine(unclear(Quality.BLURRED))) as page:
        with monkeypatch.context() as patched:
            patched.setattr(CursorWrapper, "execute", refuse)
            hints = [await page.show() for _ in range(5)]
    assert {hint["code"] for hint in hints} == {"blurred"}


async def test_frames_do_not_wait_for_a_thread_that_looks_after_database_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_after: list[int] = []

    async def look_after() -> None:
        looked_after.append(1)

    monkeypatch.setattr(channels.consumer, "aclose_old_connections", look_after)
    async with started(FakeEngine(unclear())) as page:
        assert len(looked_after) == 1
        for _ in range(3):
            assert (await page.show())["type"] == "hint"
    assert len(looked_after) == 2


async def test_what_is_cancelled_before_it_begins_is_closed() -> None:
    consumer = consumers.LivenessConsumer()
    work = consumer._hang_up(Close.BUSY)
    task = consumer._background(work)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    assert inspect.getcoroutinestate(work) == inspect.CORO_CLOSED
