"""What a browser without a usable camera, or without its server, tells the person in front of it."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from portal.demo.server import Server, running
from tests.e2e import people
from tests.e2e.browser import ALLOWED, NO_CAMERA, camera, chromium, screenshot

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

_ASKS = ("--use-fake-device-for-media-stream",)


def _block_camera(page: Page, url: str) -> None:
    devtools = page.context.new_cdp_session(page)
    permission = {"permission": {"name": "camera"}, "setting": "denied", "origin": url}
    devtools.send("Browser.setPermission", permission)


def _told_after_start(page: Page, title: str) -> None:
    people.start_camera(page)
    assert people.await_state(page, *people.ENDED) == "error"
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.locator("[data-test=capture-retry]")).to_be_visible()


@pytest.mark.parametrize(
    ("flags", "blocked", "title"),
    [
        (_ASKS, True, "The camera is blocked"),
        ((ALLOWED, NO_CAMERA), False, "No camera was found"),
    ],
)
def test_a_missing_camera_is_explained(
    portal: Server, flags: Sequence[str], blocked: bool, title: str
) -> None:
    with chromium(portal.url, flags) as page:
        people.name_myself(page, "somebody")
        if blocked:
            _block_camera(page, portal.url)
        _told_after_start(page, title)
        screenshot(page, title.lower().replace(" ", "-"))


def test_a_dark_room_gets_a_hint_instead_of_an_accusation(
    portal: Server, videos: dict[str, Path]
) -> None:
    with chromium(portal.url, camera(videos["dark"])) as page:
        people.name_myself(page, "somebody")
        people.start_camera(page)
        people.await_state(page, "capturing")
        hint = page.locator("[data-test=capture-hint]")
        expect(hint).to_have_text("More light, please")
        screenshot(page, "capture-dark")


def test_a_server_that_goes_away_during_the_capture_is_explained(
    tmp_path: Path, portal_settings: dict[str, str], videos: dict[str, Path]
) -> None:
    with (
        running(tmp_path, **portal_settings) as server,
        chromium(server.url, camera(videos["dark"])) as page,
    ):
        people.name_myself(page, "somebody")
        people.start_camera(page)
        people.await_state(page, "capturing")
        server.process.kill()
        assert people.await_state(page, *people.ENDED) == "error"
        expect(page.get_by_role("heading", name="The connection was lost")).to_be_visible()
        screenshot(page, "connection-lost")
