"""Whoever comes when every place is taken waits in line and is told so; whoever runs keeps its place and its pace."""

import heapq
import random
import time

import pytest
from pytest_django import Settings

from liveness import admission
from liveness.admission import IDLE, PACE, PATIENCE, SLOWEST, Door, Full, Place
from liveness.tests.fakes import FakeEngine, live, serving, unclear
from liveness.tests.sockets import Browser, browser, open_ticket, the_attempt

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def door(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Door:
    settings.LIVENESS_CAPACITY = 1
    fresh = Door()
    monkeypatch.setattr(admission, "door", fresh)
    return fresh


async def _wait_until_ready(page: Browser) -> dict[str, object]:
    for _ in range(60):
        answer = await page.hear()
        if answer["type"] != "wait":
            return dict(answer)
    raise AssertionError("The line did not move.")


async def test_the_second_waits_in_line_until_the_first_is_done() -> None:
    with serving(FakeEngine(live())):
        async with browser() as second:
            async with browser() as first:
                assert (await first.start(await open_ticket()))["type"] == "ready"
                told = await second.start(await open_ticket())
                assert (told["type"], told["place"]) == ("wait", 1)
                assert told["seconds"] >= 1
                assert (await first.show_until_verdict(0.2))["verdict"] == "pass"
            assert (await _wait_until_ready(second))["type"] == "ready"


async def test_a_verdict_frees_the_place_though_the_socket_stays_open(door: Door) -> None:
    with serving(FakeEngine(live())):
        async with browser() as page:
            await page.start(await open_ticket())
            waiting = door.enter()
            assert door.number(waiting) != (0, 0)
            assert (await page.show_until_verdict())["verdict"] == "pass"
            await page.close_code()
            assert door.number(waiting) == (0, 0)


async def test_the_line_is_first_come_first_served() -> None:
    with serving(FakeEngine(live())):
        async with browser() as first, browser() as second, browser() as third:
            await first.start(await open_ticket())
            assert (await second.start(await open_ticket()))["place"] == 1
            assert (await third.start(await open_ticket()))["place"] == 2
            await first.socket.disconnect(timeout=5)
            assert (await _wait_until_ready(second))["type"] == "ready"
            assert (await third.hear())["place"] == 1


async def test_whoever_leaves_the_line_is_charged_nothing_and_decided_nothing(door: Door) -> None:
    holder = door.enter()
    async with browser() as page:
        assert (await page.start(await open_ticket()))["type"] == "wait"
        await page.send_text('{"type": "cancel"}')
        assert await page.close_code() == 1000
    assert (await the_attempt()).state == "abandoned"
    door.leave(holder)
    assert door.number(door.enter()) == (0, 0)


async def test_a_frame_in_line_is_no_frame(door: Door) -> None:
    door.enter()
    async with browser() as page:
        await page.start(await open_ticket())
        await page.send_frame(b"too early")
        assert (await page.hear())["code"] == "bad_message"


async def test_a_line_that_is_too_long_leaves_the_ticket_good(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.enter()
    monkeypatch.setattr(admission, "LONGEST_WAIT", 1.0)
    async with browser() as page:
        assert (await page.start(await open_ticket()))["code"] == "busy"
        assert await page.close_code() == 4503
    assert (await the_attempt()).state == "pending"


async def test_nobody_waits_until_the_purge_takes_them_for_dead(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.enter()
    monkeypatch.setattr("liveness.consumers._LINE_SECONDS", 0.1)
    monkeypatch.setattr("liveness.consumers._LINE_NEWS", 0.05)
    async with browser() as page:
        await page.start(await open_ticket())
        assert (await page.hear())["code"] == "busy"


async def test_a_page_whose_frame_waited_is_asked_to_send_the_next_one_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timed, late = admission.timed, [0.0]
    monkeypatch.setattr(admission, "timed", lambda place, asked: timed(place, asked - late[0]))
    with serving(FakeEngine(unclear())):
        async with browser() as page:
            assert (await page.start(await open_ticket()))["pace"] == 1000 * PACE
            for waited, pace in (
                (0.0, PACE),
                (PATIENCE + 0.15, PACE + 0.15),
                (5.0, SLOWEST),
                (0.0, PACE),
            ):
                late[0] = waited
                told = await page.show()
                assert told["pace"] == pytest.approx(1000 * pace, abs=25)


def _crowd(cameras: int, cost: float, seconds: float = 20.0) -> tuple[float, float]:
    """Cameras that begin anywhere before two threads: frames a second of each and the longest but for 5 % of the waits, after a while."""
    threads, rng = [0.0, 0.0], random.Random(1)
    due = [(rng.uniform(0, PACE), Place()) for _ in range(cameras)]
    queue = [(at, number) for number, (at, _) in enumerate(due)]
    heapq.heapify(queue)
    waits: list[float] = []
    while queue[0][0] < seconds:
        at, number = heapq.heappop(queue)
        place = due[number][1]
        begin = max(at, heapq.heappop(threads))
        end = begin + cost * rng.uniform(0.7, 1.3)
        heapq.heappush(threads, end)
        place.waited = begin - at
        if at > seconds / 2:
            waits.append(place.waited)
        heapq.heappush(queue, (max(at + place.pace, end), number))
    return len(waits) / (seconds / 2) / cameras, sorted(waits)[int(0.95 * len(waits))]


def test_cameras_that_have_room_send_as_many_frames_as_they_may_and_find_gaps() -> None:
    rate, wait = _crowd(cameras=24, cost=0.0095)
    assert rate > 7.8
    assert wait < PATIENCE


def test_too_many_cameras_send_what_the_threads_can_look_at_and_wait_no_longer_for_it() -> None:
    rate, wait = _crowd(cameras=36, cost=0.011)
    assert rate == pytest.approx(2 / 0.011 / 36, rel=0.03), "no thread is idle"
    assert wait < PATIENCE + 0.1


def test_a_socket_that_only_stays_open_gives_up_its_place(door: Door) -> None:
    idle, now = door.enter(), time.monotonic()
    waiting = door.enter()
    assert door.number(waiting)[0] == 1
    idle.last = now - IDLE - 10 * PACE
    assert door.number(waiting) == (0, 0)


def test_a_capture_that_sends_few_frames_takes_up_less() -> None:
    place, now = Place(), 100.0
    place.begin(now)
    for n in range(40):
        place.frame(now + 1.0 * n)
    assert place.share(now + 39) == pytest.approx(PACE, rel=0.1)
    for n in range(40):
        place.frame(now + 40 + PACE * n)
    assert place.share(now + 40 + 39 * PACE) == pytest.approx(1.0, abs=0.01)


def test_the_capacity_follows_what_a_frame_costs(settings: Settings) -> None:
    settings.LIVENESS_CAPACITY, settings.LIVENESS_WORKERS = 0, 2
    door = Door(cost=0.008)
    assert door.capacity == 25
    for _ in range(1000):
        door.note(0.1)
    assert door.capacity == 4, "two captures a thread run in any case, slower if need be"


def test_the_estimate_grows_with_the_line_and_ends_it(settings: Settings) -> None:
    settings.LIVENESS_CAPACITY = 2
    door = Door(stay=4.0)
    for _ in range(2):
        door.enter()
    seconds = [door.number(door.enter())[1] for _ in range(14)]
    assert seconds == [2 * n for n in range(1, 15)]
    door.enter()
    with pytest.raises(Full):
        door.check()
