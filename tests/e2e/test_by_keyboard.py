"""From the start page to a sign-in with the face, without a mouse; wherever one is, it can be seen."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from portal.demo.server import Server
from tests.e2e import people
from tests.e2e.browser import camera, chromium

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

_MOST_STEPS = 60
_FOCUS = """selector => {
  const here = document.activeElement;
  const style = getComputedStyle(here);
  const box = here.getBoundingClientRect();
  return {
    found: here.matches(selector),
    ringed: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    shown: box.bottom > 0 && box.top < innerHeight && box.width > 0,
    name: here.outerHTML.slice(0, 120),
  };
}"""


def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus. Every stop on the way has a ring and is in view."""
    for _ in range(_MOST_STEPS):
        here = page.evaluate(_FOCUS, selector)
        if here["found"]:
            return
        page.keyboard.press("Tab")
        here = page.evaluate(_FOCUS, selector)
        assert here["ringed"], f"nobody sees where they are: {here['name']}"
        assert here["shown"], f"what has the focus is out of view: {here['name']}"
    pytest.fail(f"Tab does not lead to {selector}.")


def _type_into(page: Page, name: str, text: str) -> None:
    _tab_to(page, f"[name={name}]")
    page.keyboard.type(text)


def test_registering_setting_up_and_signing_in_need_no_mouse(
    portal: Server, videos: dict[str, Path]
) -> None:
    person = people.new_person()
    with chromium(portal.url, camera(videos["enrolling"])) as page:
        page.goto("/")
        _tab_to(page, "[data-test=home-signup]")
        page.keyboard.press("Enter")
        page.wait_for_url("**/auth/signup/")
        _type_into(page, "username", person.username)
        _type_into(page, "email", f"{person.username}@example.org")
        _type_into(page, "password1", person.password)
        _type_into(page, "password2", person.password)
        page.keyboard.press("Enter")
        page.wait_for_url("**/account/face/consent/")
        _tab_to(page, "[name=face]")
        page.keyboard.press("Space")
        _tab_to(page, "[data-test=consent-give]")
        page.keyboard.press("Enter")
        page.wait_for_url("**/account/face/capture/")
        _tab_to(page, "[data-test=capture-start]")
        page.keyboard.press("Enter")
        page.wait_for_url("**/account/face/done/", timeout=120_000)
        _tab_to(page, "[data-test=enrolled-continue]")
        page.keyboard.press("Enter")
        page.wait_for_url("**/account/")
        _tab_to(page, "[data-test=nav-signout]")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{portal.url}/")
        _tab_to(page, "[data-test=home-signin]")
        page.keyboard.press("Enter")
        page.wait_for_url("**/signin/face/")
        expect(page.locator("[name=username]")).to_be_focused()
        page.keyboard.type(person.username)
        page.keyboard.press("Enter")
        page.wait_for_url("**/signin/face/capture/")
        _tab_to(page, "[data-test=capture-start]")
        page.keyboard.press("Enter")
        page.wait_for_url("**/account/", timeout=120_000)
        assert people.is_signed_in(page)


def test_the_first_stop_leads_past_the_navigation(portal: Server) -> None:
    with chromium(portal.url, ()) as page:
        page.goto("/auth/login/")
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"


def test_the_language_can_be_switched_by_keyboard(portal: Server) -> None:
    with chromium(portal.url, ()) as page:
        page.goto("/signin/face/")
        _tab_to(page, ".languages [value=de]")
        page.keyboard.press("Enter")
        page.wait_for_selector("html[lang=de]")
        assert page.url.endswith("/signin/face/")
        assert page.locator("h1").inner_text() == "Mit dem Gesicht anmelden"
