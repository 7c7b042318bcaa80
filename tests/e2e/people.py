"""What people do at the portal with a browser, in the words of its pages."""

import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.e2e.browser import screenshot

ENDED = ("passed", "failed", "abstained", "error")


@dataclass(frozen=True)
class Person:
    username: str
    password: str


def new_person() -> Person:
    return Person(f"person-{secrets.token_hex(3)}", secrets.token_urlsafe(16))


def sign_up(page: Page, person: Person) -> None:
    page.goto("/auth/signup/")
    page.fill("[name=username]", person.username)
    page.fill("[name=email]", f"{person.username}@example.org")
    page.fill("[name=password1]", person.password)
    page.fill("[name=password2]", person.password)
    screenshot(page, "sign-up")
    page.press("[name=password2]", "Enter")
    page.wait_for_url("**/account/face/consent/")


def consent(page: Page, training: bool = False) -> None:
    """Agree to everything, or to all but training."""
    screenshot(page, "consent")
    page.check("[name=face]")
    page.check("[name=evidence]")
    page.set_checked("[name=training]", training)
    page.press("[name=face]", "Enter")
    page.wait_for_url("**/account/face/capture/")


def sign_in_with_password(page: Page, username: str, password: str) -> None:
    page.goto("/auth/login/")
    page.fill("[name=login]", username)
    page.fill("[name=password]", password)
    screenshot(page, "sign-in-by-password")
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/account/")


def name_myself(page: Page, username: str) -> None:
    page.goto("/signin/face/")
    page.fill("[data-test=signin-username]", username)
    screenshot(page, "sign-in-name")
    page.press("[data-test=signin-username]", "Enter")
    page.wait_for_url("**/signin/face/capture/")


def start_camera(page: Page) -> None:
    page.click("[data-test=capture-start]")


def await_state(page: Page, *states: str) -> str:
    """Wait until the capture page is in one of the states; which one."""
    wanted = ", ".join(f'[data-test=capture-state][data-state="{state}"]' for state in states)
    found = page.locator(wanted)
    expect(found).to_have_count(1, timeout=30_000)
    return str(found.get_attribute("data-state"))


def is_signed_in(page: Page) -> bool:
    page.goto("/account/")
    return urlsplit(page.url).path == "/account/"


def sign_out(page: Page) -> None:
    page.goto("/account/")
    page.click("[data-test=nav-signout]")
    if urlsplit(page.url).path == "/auth/logout/":
        page.click("main form [type=submit]")
    page.wait_for_load_state()
