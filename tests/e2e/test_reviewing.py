"""Labelling by keys, in a real browser: three attempts, one second thought, and the frames played back."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from portal.demo.server import Server
from tests.e2e import people
from tests.e2e.browser import camera, chromium, screenshot
from tests.e2e.conftest import ADMINISTRATOR, ADMINISTRATOR_PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def page(portal: Server, videos: dict[str, Path]) -> Iterator[Page]:
    """The administrator, before a queue of three attempts that somebody with a phone left behind."""
    with chromium(portal.url, camera(videos["phone"])) as page:
        for _ in range(3):
            people.name_myself(page, "somebody")
            people.start_camera(page)
            assert people.await_state(page, *people.ENDED) == "failed"
        people.sign_in_with_password(page, ADMINISTRATOR, ADMINISTRATOR_PASSWORD)
        _open_the_first(page)
        yield page


def _press(page: Page, key: str) -> None:
    with page.expect_navigation():
        page.keyboard.press(key)


def _progress(page: Page) -> str:
    return page.locator("[data-test=review-progress] label").inner_text()


def _open_the_first(page: Page) -> str:
    page.goto("/review/")
    page.locator("[data-test=review-row]").first.get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"/review/[0-9a-f-]{36}/"))
    return page.url


def test_the_frames_are_played_back_and_stepped_through(page: Page) -> None:
    _open_the_first(page)
    player = page.locator("[data-test=review-player]")
    page.click("[data-test=review-play]")
    moment = page.locator("[data-test=review-moment]")
    page.locator("h1").click()
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    expect(moment).to_contain_text("1 of")
    expect(player.locator("li:visible")).to_have_count(1)
    expect(page.locator(".chart .score.shown")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(moment).to_contain_text("2 of")
    screenshot(page, "review-player")


def test_three_attempts_are_labelled_by_keys_and_one_label_is_taken_back(page: Page) -> None:
    first = _open_the_first(page)
    assert _progress(page) == "0 of 3 reviewed"
    _press(page, "s")
    second = page.url
    assert second != first
    assert _progress(page) == "1 of 3 reviewed"
    _press(page, "p")
    assert page.url not in (first, second)
    _press(page, "z")
    assert page.url == second
    assert _progress(page) == "1 of 3 reviewed"
    expect(page.locator("[data-test=review-trail]")).to_contain_text("took back “print”")
    _press(page, "s")
    third = page.url
    assert third not in (first, second)
    assert _progress(page) == "2 of 3 reviewed"
    _press(page, "u")
    assert page.url.endswith("/review/")
    assert _progress(page) == "3 of 3 reviewed"
    _press(page, "z")
    assert page.url == third
    _press(page, "u")
    expect(page.locator("[data-test=review-empty]")).to_be_visible()
    screenshot(page, "review-done")
    page.goto(first)
    expect(page.locator("[data-test=review-label]")).to_have_text("screen")
    expect(page.locator("dl.facts")).to_contain_text(re.compile(r"Camera.*\d+x\d+"))


def test_a_key_is_ignored_while_a_field_is_written_in_and_when_keys_are_off(page: Page) -> None:
    address, label = page.url, page.locator("[data-test=review-label]").all_inner_texts()
    page.uncheck("#shortcuts")
    page.locator("h1").click()
    page.keyboard.press("l")
    page.wait_for_timeout(300)
    page.reload()
    assert page.url == address
    assert page.locator("[data-test=review-label]").all_inner_texts() == label
    page.check("#shortcuts")


def test_without_scripts_the_frames_stand_side_by_side(portal: Server, page: Page) -> None:
    context = page.context.browser
    assert context is not None
    quiet = context.new_context(base_url=portal.url, java_script_enabled=False)
    quiet.add_cookies(page.context.cookies())
    plain = quiet.new_page()
    plain.goto(page.url)
    expect(plain.locator("[data-test=review-player] li:visible").first).to_be_visible()
    assert plain.locator("[data-test=review-player] li:visible").count() > 3
    assert not plain.locator("[data-test=review-play]").is_visible()
    quiet.close()


def test_who_wants_less_motion_gets_no_moving_picture(portal: Server, page: Page) -> None:
    browser = page.context.browser
    assert browser is not None
    calm = browser.new_context(base_url=portal.url, reduced_motion="reduce")
    calm.add_cookies(page.context.cookies())
    still = calm.new_page()
    still.goto(page.url)
    still.wait_for_timeout(1200)
    expect(still.locator("[data-test=review-moment]")).to_contain_text("1 of")
    expect(still.locator("[data-test=review-play]")).to_have_text("Play")
    calm.close()
