"""The colours over the socket: sent one by one, answered by frames, skipped on request."""

import asyncio
import json
import time

import pytest
from pytest_django import Settings

from liveness import protocol
from liveness.chain import FrameChain
from liveness.checks import the_settings_of_review_make_sense
from liveness.engine import hues
from liveness.engine.hues import Challenge
from liveness.engine.relight import shine
from liveness.flash import asked, was_skipped
from liveness.models import Attempt
from liveness.tests.fakes import FakeEngine, live, serving
from liveness.tests.lights import DARK, lit
from liveness.tests.sockets import Browser, browser, open_ticket, started, the_attempt

pytestmark = pytest.mark.django_db(transaction=True)


class Page:
    """A browser that paints, with a face in front of it that is lit by what it paints; or by nothing."""

    def __init__(self, page: Browser, lights_the_face: bool) -> None:
        self.page = page
        self.lights = lights_the_face
        self.painted: list[str] = []
        self.times: list[float] = []

    async def look(self) -> dict[str, str]:
        """Frames until the verdict."""
        for n in range(1000):
            await self.page.send_frame(lit(self._light(), n))
            answer = await self._answer()
            if answer["type"] != "hint":
                return answer
            await asyncio.sleep(0.1)
        raise AssertionError("No verdict came.")

    async def _answer(self) -> dict[str, str]:
        while True:
            message = await self.page.hear()
            if message["type"] != "flash":
                return dict(message)
            if message["colour"]:
                self.painted.append(message["colour"])
                self.times.append(time.monotonic())

    def _light(self) -> hues.Light:
        if not (self.painted and self.lights):
            return DARK
        shown = Challenge((self.painted[-1],), 3600.0)
        return shine(shown, time.monotonic() - self.times[-1] + hues.FADE, 0.0)


async def test_a_face_that_is_lit_by_the_page_passes(settings: Settings) -> None:
    settings.LIVENESS_FLASH = "always"
    async with started(FakeEngine(live())) as socket:
        page = Page(socket, lights_the_face=True)
        assert (await page.look())["verdict"] == "pass"
    attempt = await the_attempt()
    assert attempt.flash["answer"] == "correct"
    assert len(page.painted) >= hues.STEPS


async def test_colours_are_sent_one_by_one_at_their_time(settings: Settings) -> None:
    settings.LIVENESS_FLASH = "always"
    async with started(FakeEngine(live())) as socket:
        for _ in range(4):
            await asyncio.sleep(0.15)
            assert (await socket.show())["type"] == "hint"
        sent = [await socket.hear(), await socket.hear()]
        assert [(message["step"], message["of"]) for message in sent] == [(1, 14), (2, 14)]
        assert {message["colour"] for message in sent} <= set(hues.HUES)
        assert await socket.socket.receive_nothing(timeout=hues.SECONDS / 4)


async def test_a_face_that_is_lit_by_nothing_does_not_pass(settings: Settings) -> None:
    settings.LIVENESS_FLASH = "always"
    async with started(FakeEngine(live())) as socket:
        verdict = await Page(socket, lights_the_face=False).look()
    assert verdict["verdict"] != "pass"
    attempt = await the_attempt()
    assert (attempt.state, attempt.secret) == ("abstained", None)


async def _skipping() -> Attempt:
    ticket = await open_ticket()
    with serving(FakeEngine(live())):
        async with browser() as socket:
            await socket.send_text(json.dumps({"type": "start", "ticket": ticket, "flash": "skip"}))
            ready = await socket.hear()
            socket.chain = FrameChain(ticket, bytes.fromhex(ready["nonce"]))
            assert (await socket.show_until_verdict(0.15))["verdict"] == "pass"
    return await the_attempt()


async def test_whoever_skips_is_shown_no_colours_and_the_attempt_says_so(
    settings: Settings,
) -> None:
    settings.LIVENESS_FLASH = "always"
    attempt = await _skipping()
    assert was_skipped(attempt)


async def test_where_they_are_off_nothing_was_skipped(settings: Settings) -> None:
    settings.LIVENESS_FLASH = "off"
    attempt = await _skipping()
    assert attempt.flash is None
    assert not was_skipped(attempt)
    assert asked() == ""


@pytest.mark.parametrize("flash", ["no", None, 3, {"skip": 1}])
def test_only_the_word_skips(flash: object) -> None:
    start = protocol.parse(json.dumps({"type": "start", "ticket": "t", "flash": flash}))
    assert start == protocol.Start("t")


def test_a_misspelt_policy_is_found_at_start(settings: Settings) -> None:
    settings.LIVENESS_FLASH = "allways"
    assert "liveness.E003" in [m.id for m in the_settings_of_review_make_sense(None)]
