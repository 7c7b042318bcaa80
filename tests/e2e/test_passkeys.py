"""A passkey is added, signs in as the second factor, is named and removed – with Chromium's own authenticator."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import CDPSession, Page, expect

from portal.demo.server import Server
from tests.e2e import people
from tests.e2e.browser import chromium, screenshot
from tests.e2e.people import Person

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

_INSIDE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Authenticator:
    """A passkey's place in this browser, which answers at once; there is one at a time."""

    def __init__(self, page: Page) -> None:
        self._devtools: CDPSession = page.context.new_cdp_session(page)
        self._devtools.send("WebAuthn.enable")
        self._number = ""
        self.renew()

    def renew(self) -> None:
        """The telephone is lost; another one is in its place, with nothing on it."""
        if self._number:
            self._send("removeVirtualAuthenticator")
        made = self._devtools.send("WebAuthn.addVirtualAuthenticator", {"options": _INSIDE})
        self._number = made["authenticatorId"]

    def keys(self) -> int:
        return len(self._send("getCredentials")["credentials"])

    def _send(self, what: str) -> dict:
        return self._devtools.send(f"WebAuthn.{what}", {"authenticatorId": self._number})


@pytest.fixture(scope="module")
def portal_settings(portal_settings: dict[str, str]) -> dict[str, str]:
    """No mail arrives here, so no address is to be confirmed before a second factor."""
    return {**portal_settings, "ACCOUNT_EMAIL_VERIFICATION": "none"}


@pytest.fixture
def page(portal: Server) -> Iterator[Page]:
    with chromium(portal.at("localhost"), ()) as page:
        yield page


@pytest.fixture
def owner(page: Page) -> Person:
    """Somebody who has just registered."""
    person = people.new_person()
    people.sign_up(page, person)
    return person


def _confirm(page: Page, person: Person) -> None:
    """Give the password if it is asked for."""
    if "/reauthenticate/" in page.url:
        page.fill("[name=password]", person.password)
        page.click("[data-test=reauthenticate]")


def _add(page: Page, person: Person, name: str) -> None:
    page.goto("/auth/second-factor/webauthn/add/")
    _confirm(page, person)
    page.fill("[name=name]", name)
    page.click("[data-test=passkey-add]")


def _give_password(page: Page, person: Person) -> None:
    page.goto("/auth/login/")
    page.fill("[name=login]", person.username)
    page.fill("[name=password]", person.password)
    page.click("[data-test=password-signin]")
    page.wait_for_url("**/authenticate/")


def test_a_passkey_from_its_first_day_to_its_last(page: Page, owner: Person) -> None:
    authenticator = Authenticator(page)
    _add(page, owner, "Telephone")
    page.wait_for_url("**/recovery-codes/")
    assert authenticator.keys() == 1
    page.goto("/auth/second-factor/")
    screenshot(page, "second-factor")
    people.sign_out(page)

    _give_password(page, owner)
    screenshot(page, "second-factor-asked")
    assert not people.is_signed_in(page)
    page.goto("/auth/second-factor/authenticate/")
    page.click("[data-test=passkey-use]")
    page.wait_for_url("**/account/")

    page.goto("/auth/second-factor/webauthn/")
    page.click("text=Name >> nth=-1")
    if "/reauthenticate/" in page.url:
        page.goto("/auth/second-factor/webauthn/reauthenticate/?next=/auth/second-factor/webauthn/")
        page.click("[data-test=passkey-use]")
        page.wait_for_url("**/second-factor/webauthn/")
        page.get_by_role("link", name="Name Telephone").click()
    page.fill("[name=name]", "Old telephone")
    page.click("[data-test=passkey-save]")
    expect(page.locator("[data-test=passkeys]")).to_contain_text("Old telephone")
    screenshot(page, "passkeys")
    page.get_by_role("link", name="Remove Old telephone").click()
    page.click("[data-test=passkey-remove]")
    expect(page.locator("[data-test=no-passkeys]")).to_be_visible()
    people.sign_out(page)
    people.sign_in_with_password(page, owner.username, owner.password)


def test_another_telephone_signs_nobody_in(page: Page, owner: Person) -> None:
    authenticator = Authenticator(page)
    _add(page, owner, "Telephone")
    page.wait_for_url("**/recovery-codes/")
    people.sign_out(page)
    authenticator.renew()
    _give_password(page, owner)
    page.click("[data-test=passkey-use]")
    expect(page.locator("[data-test=passkey-trouble]")).to_contain_text("No passkey answered")
    assert not people.is_signed_in(page)


def test_at_a_bare_number_the_page_says_where_passkeys_work(portal: Server) -> None:
    with chromium(portal.url, ()) as page:
        person = people.new_person()
        people.sign_up(page, person)
        page.goto("/auth/second-factor/webauthn/add/")
        _confirm(page, person)
        note = page.locator("[data-test=passkeys-elsewhere] a")
        expect(note).to_contain_text("http://localhost:")
        assert urlsplit(str(note.get_attribute("href"))).port == urlsplit(portal.url).port
        page.click("[data-test=passkey-add]")
        expect(page.locator("[data-test=passkey-trouble]")).to_contain_text("localhost")
        screenshot(page, "passkeys-elsewhere")
