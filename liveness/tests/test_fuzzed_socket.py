"""Whatever is sent, in whatever order: every fault is handled, the socket closes with a reason, and nobody passes."""

import asyncio
import json
import logging
from typing import Any

import pytest
from channels.db import database_sync_to_async
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from pytest_django import Settings

from liveness.chain import FrameChain
from liveness.models import Attempt
from liveness.protocol import Close
from liveness.tests.fakes import OTHER_SESSION, FakeEngine, jpeg, live, serving, spoof, unclear
from liveness.tests.sockets import Browser, browser, open_ticket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_limit_of_pages(settings: Settings) -> None:
    settings.LIVENESS_ATTEMPTS_PER_MINUTE = 10_000


FRAME = jpeg()
ENDED = {"passed", "failed", "abstained", "error", "abandoned", "pending"}
_QUIET = 0.02
_PATIENCE = 20

json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
tickets = st.sampled_from(["own", "again", "of another session"]) | st.text(max_size=80)
damaged = st.builds(
    lambda at, junk, end: FRAME[:at] + junk + FRAME[at + end :],
    st.integers(0, len(FRAME)),
    st.binary(max_size=40),
    st.integers(0, 40),
)
pictures = st.one_of(
    st.integers(0, 30).map(lambda n: jpeg(seed=n)),
    st.binary(max_size=300),
    damaged,
    st.just(FRAME + bytes(500_000)),
)
steps = st.one_of(
    st.tuples(st.just("start"), tickets, json_values | st.text(max_size=150)),
    st.tuples(st.just("start"), st.just("own"), st.just("camera")),
    st.tuples(st.just("frame"), pictures),
    st.tuples(st.just("frame"), st.integers(0, 30).map(lambda n: jpeg(seed=n))),
    st.tuples(st.just("bytes"), st.binary(max_size=300) | pictures),
    st.tuples(st.just("text"), st.text(max_size=200) | json_values.map(json.dumps)),
    st.tuples(
        st.just("text"), st.sampled_from(['{"type":"cancel"}', '{"type":"verdict"}', "[" * 4000])
    ),
    st.tuples(st.just("neither")),
    st.tuples(st.just("listen")),
)
looks = st.lists(
    st.sampled_from([spoof(), spoof(0.6), unclear(), RuntimeError("planted")]),
    min_size=1,
    max_size=8,
)
fuzzing = profile(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def _send(page: Browser, step: tuple[Any, ...], own: dict[str, str]) -> None:
    match step:
        case "start", ticket, camera:
            ticket = own.get(ticket, ticket)
            await page.send_text(json.dumps({"type": "start", "ticket": ticket, "camera": camera}))
        case "frame", data:
            await page.send_frame(data)
        case "bytes", data:
            await page.send_bytes(data)
        case "text", text:
            await page.send_text(text)
        case ("neither",):
            await page.socket.send_input({"type": "websocket.receive", "bytes": None})
        case ("listen",):
            await asyncio.sleep(_QUIET)


def _heard(page: Browser, ticket: str) -> list[dict[str, Any]]:
    """All that the server has sent so far: messages, and at the end perhaps the close."""
    heard = []
    while not page.socket.output_queue.empty():
        sent = page.socket.output_queue.get_nowait()
        if sent["type"] == "websocket.close":
            heard.append({"type": "close", "code": sent["code"]})
        else:
            heard.append(json.loads(sent["text"]))
        if heard[-1]["type"] == "ready":
            page.chain = FrameChain(ticket, bytes.fromhex(heard[-1]["nonce"]))
    return heard


async def _conversation(shown: list[tuple[Any, ...]], engine: FakeEngine) -> list[dict[str, Any]]:
    """Everything the server said until the browser went away."""
    own = {
        "own": await open_ticket(),
        "of another session": await open_ticket("signin", OTHER_SESSION),
    }
    own["again"] = own["own"]
    heard: list[dict[str, Any]] = []
    with serving(engine):
        async with browser() as page:
            for step in shown:
                await _send(page, step, own)
                await asyncio.sleep(0)
                if step[0] in ("start", "listen"):
                    await asyncio.sleep(_QUIET)
                heard += _heard(page, own["own"])
            await asyncio.sleep(_QUIET)
        heard += _heard(page, own["own"])
    return heard


@database_sync_to_async
def _states() -> list[str]:
    states = list(Attempt.objects.values_list("state", flat=True))
    Attempt.objects.all().delete()
    return states


def _ends_well(heard: list[dict[str, Any]]) -> None:
    """At most one close, nothing after it, a known code, and before it the reason in a word."""
    kinds = [message["type"] for message in heard]
    assert kinds.count("close") <= 1
    assert kinds.count("verdict") + kinds.count("error") <= 1
    if "close" not in kinds:
        assert "verdict" not in kinds
        assert "error" not in kinds
        return
    assert kinds[-1] == "close"
    Close(heard[-1]["code"])
    if heard[-1]["code"] != Close.DONE:
        assert kinds[-2] == "error"
        assert heard[-2]["code"]


@given(st.lists(steps, max_size=14), looks)
@fuzzing
async def test_no_conversation_passes_or_ends_without_a_reason(
    caplog: pytest.LogCaptureFixture, shown: list[tuple[Any, ...]], seen: list[Any]
) -> None:
    """The faces are a spoof's at best; an exception of the engine is the only one that may be logged."""
    caplog.clear()
    with caplog.at_level(logging.ERROR):
        heard = await _conversation(shown, FakeEngine(seen))
    _ends_well(heard)
    assert not [message for message in heard if message.get("verdict") == "pass"]
    logged = [str(record.exc_info and record.exc_info[1]) for record in caplog.records]
    assert set(logged) <= {"planted"}, logged
    states = await _states()
    assert "passed" not in states
    assert set(states) <= ENDED, states


@given(st.lists(steps, max_size=14))
@fuzzing
async def test_even_a_living_face_passes_by_six_frames_of_the_chain_alone(
    shown: list[tuple[Any, ...]],
) -> None:
    frames = sum(step[0] == "frame" for step in shown)
    heard = await _conversation(shown, FakeEngine(live()))
    _ends_well(heard)
    passed = [message for message in heard if message.get("verdict") == "pass"]
    assert not passed or frames >= 6
    assert set(await _states()) <= ENDED | {"passed"}
