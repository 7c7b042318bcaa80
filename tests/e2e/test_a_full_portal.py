"""When every place is taken, the page says how long it will be, and goes on by itself."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from portal.demo import clips
from portal.demo.client import Visitor
from portal.demo.server import Server, running
from tests.e2e import people
from tests.e2e.browser import camera, chromium, screenshot

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

_SECONDS = "15"


class _Announced(list[bytes]):
    """A clip that says when its first frame is taken."""

    def __init__(self, clip: list[bytes]) -> None:
        super().__init__(clip)
        self.begun = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        self.begun.set()
        return super().__iter__()


@pytest.fixture
def full(tmp_path: Path, portal_settings: dict[str, str]) -> Iterator[Server]:
    """A portal with one place, which somebody in a dark room has taken until the deadline."""
    one = {"LIVENESS_CAPACITY": "1", "LIVENESS_DEADLINE_SECONDS": _SECONDS}
    clip = _Announced(clips.live_clip(clips.PERSON, light=0.22))
    with running(tmp_path, **portal_settings, **one) as server:
        visitor = Visitor(server.url)
        page = visitor.get("/signin/face/")
        page = visitor.send(page.form("/signin/face/"), username="first")
        holder = threading.Thread(target=visitor.capture, args=(page, clip))
        holder.start()
        assert clip.begun.wait(30)
        yield server
        holder.join(60)


def test_the_page_says_how_long_it_will_be_and_goes_on_by_itself(
    full: Server, videos: dict[str, Path]
) -> None:
    with chromium(full.url, camera(videos["dark"])) as page:
        people.name_myself(page, "second")
        people.start_camera(page)
        people.await_state(page, "waiting")
        hint = page.locator("[data-test=capture-hint]")
        expect(hint).to_have_text(re.compile(r"You are next\. About \d+ seconds\."))
        expect(page.locator("[data-test=capture-cancel]")).to_be_visible()
        screenshot(page, "capture-in-line")
        people.await_state(page, "capturing")
