"""Anything odd closes the socket with a code, before a single pixel is decoded."""

import threading

import pytest
from pytest_django import Settings

from liveness.tests.fakes import OTHER_SESSION, FakeEngine, HookedEngine, jpeg
from liveness.tests.sockets import Browser, browser, open_ticket, started, the_attempt

pytestmark = pytest.mark.django_db(transaction=True)


async def _refusal(page: Browser) -> tuple[str, int]:
    answer = await page.hear()
    assert answer["type"] == "error"
    return answer["code"], await page.close_code()


async def test_a_socket_without_a_session_is_closed() -> None:
    async with browser(session_key=None) as page:
        assert await _refusal(page) == ("no_session", 4403)


async def test_a_wrong_ticket_closes_the_socket() -> None:
    async with browser() as page:
        assert (await page.start("nonsense"))["code"] == "wrong_ticket"
        assert await page.close_code() == 4401


async def test_a_used_ticket_closes_the_second_socket_and_leaves_the_first_alone() -> None:
    ticket = await open_ticket()
    async with browser() as first, browser() as second:
        await first.start(ticket)
        assert (await second.start(ticket))["code"] == "used_ticket"
        assert await second.close_code() == 4401


async def test_an_expired_ticket_closes_the_socket(settings: Settings) -> None:
    ticket = await open_ticket()
    settings.LIVENESS_TICKET_SECONDS = -1
    async with browser() as page:
        assert (await page.start(ticket))["code"] == "expired_ticket"


async def test_a_ticket_of_another_session_closes_the_socket() -> None:
    ticket = await open_ticket()
    async with browser(OTHER_SESSION) as page:
        assert (await page.start(ticket))["code"] == "other_session"
    assert (await the_attempt()).state == "pending"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"start"',
        '{"type":"dance"}',
        '{"type":"start"}',
        '{"type":"start","ticket":7}',
        '{"type":"start","ticket":"' + "x" * 5000 + '"}',
        "[" * 4000,
    ],
)
async def test_a_text_that_is_no_message_closes_the_socket(text: str) -> None:
    async with browser() as page:
        await page.send_text(text)
        assert await _refusal(page) == ("bad_message", 4400)


async def test_a_frame_before_the_ticket_closes_the_socket() -> None:
    async with browser() as page:
        await page.send_frame(jpeg())
        assert await _refusal(page) == ("bad_message", 4400)


async def test_a_text_where_a_frame_belongs_ends_the_attempt() -> None:
    engine = FakeEngine()
    async with started(engine) as page:
        await page.send_text(jpeg().decode("latin-1"))
        assert await _refusal(page) == ("bad_message", 4400)
    attempt = await the_attempt()
    assert (attempt.state, attempt.reason, engine.seen) == ("error", "bad_message", 0)


async def test_a_second_start_ends_the_attempt() -> None:
    async with started(FakeEngine()) as page:
        assert (await page.start(await open_ticket()))["code"] == "bad_message"


async def test_a_frame_of_five_megabytes_ends_the_attempt_unread() -> None:
    engine = FakeEngine()
    async with started(engine) as page:
        await page.send_frame(jpeg() + bytes(5_000_000))
        assert await _refusal(page) == ("frame_too_large", 4413)
    attempt = await the_attempt()
    assert (attempt.state, attempt.reason, engine.seen) == ("error", "frame_too_large", 0)


async def test_frames_that_come_too_fast_end_the_attempt(settings: Settings) -> None:
    settings.LIVENESS_MAX_FRAMES_PER_SECOND = 3
    async with started(FakeEngine()) as page:
        for _ in range(3):
            assert (await page.show())["type"] == "hint"
        assert (await page.show())["code"] == "too_fast"
        assert await page.close_code() == 4429
    assert (await the_attempt()).state == "error"


async def test_a_frame_before_the_last_was_answered_ends_the_attempt() -> None:
    go_on = threading.Event()
    async with started(HookedEngine(lambda: go_on.wait(5))) as page:
        await page.send_frame(jpeg())
        await page.send_frame(jpeg())
        assert await _refusal(page) == ("frame_in_flight", 4409)
        go_on.set()
    assert (await the_attempt()).reason == "frame_in_flight"


async def test_more_frames_than_allowed_end_the_attempt_undecided(settings: Settings) -> None:
    settings.LIVENESS_MAX_FRAMES = 3
    async with started(FakeEngine()) as page:
        verdict = await page.show_until_verdict()
    assert (verdict["verdict"], verdict["reason"]) == ("abstain", "timed_out")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"GIF89a not a JPEG",
        jpeg()[:-40],
        jpeg(8, 8),
        b"\xff\xd8\xff\xc0\x00\x11\x08\x27\x10\x27\x10\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xd9",
    ],
    ids=["empty", "not a JPEG", "truncated", "tiny", "100 megapixels"],
)
async def test_a_damaged_frame_is_refused_as_damaged(frame: bytes) -> None:
    engine = FakeEngine()
    async with started(engine) as page:
        verdict = await page.show(frame)
        assert (verdict["verdict"], verdict["reason"]) == ("fail", "bad_frame")
    assert (await the_attempt()).state == "failed"
    assert engine.seen == 0


async def test_nothing_counts_after_the_end() -> None:
    engine = FakeEngine()
    async with started(engine) as page:
        await page.show(b"no picture")
        assert await page.close_code() == 1000
        await page.send_frame(jpeg())
        assert await page.socket.receive_nothing()
    assert engine.seen == 0
