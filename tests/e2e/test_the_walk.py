"""From registration to the review queue, in a real browser with a clip for a camera: on one laptop, and on many machines."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from portal.demo.server import Server
from tests.e2e import people
from tests.e2e.browser import camera, chromium, screenshot
from tests.e2e.conftest import ADMINISTRATOR, ADMINISTRATOR_PASSWORD
from tests.e2e.machines import Machines, embedded, many_machines
from tests.e2e.people import Person
from tests.e2e.proxy import Asked

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(embedded, id="laptop"),
        pytest.param(many_machines, id="machines", marks=[pytest.mark.postgres, pytest.mark.redis]),
    ],
)
def portal(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    portal_settings: dict[str, str],
) -> Iterator[Server]:
    """The whole walk, first on what `make run` starts, then on two portals with PostgreSQL, Redis and a worker."""
    with request.param(tmp_path_factory.mktemp("portal"), portal_settings) as server:
        server.manage("createsuperuser", "--noinput")
        yield server


@pytest.fixture(scope="module")
def enrolled(portal: Server, videos: dict[str, Path]) -> Person:
    """Somebody who registered, showed their face, and signed out again."""
    person = people.new_person()
    with chromium(portal.url, camera(videos["enrolling"])) as page:
        people.sign_up(page, person)
        people.consent(page)
        screenshot(page, "capture-idle")
        people.start_camera(page)
        people.await_state(page, "capturing")
        page.wait_for_timeout(900)
        screenshot(page, "capture-capturing")
        page.wait_for_url("**/account/face/done/")
        screenshot(page, "enrolled")
        page.goto("/account/")
        screenshot(page, "account")
        assert page.locator("[data-test=face-status]").is_visible()
        people.sign_out(page)
        screenshot(page, "signed-out")
        assert not people.is_signed_in(page)
    return person


@pytest.fixture
def stranger(portal: Server, videos: dict[str, Path]) -> Iterator[Page]:
    with chromium(portal.url, camera(videos["stranger"])) as page:
        yield page


@pytest.fixture
def phone(portal: Server, videos: dict[str, Path]) -> Iterator[Page]:
    with chromium(portal.url, camera(videos["phone"])) as page:
        yield page


def _refused_at_the_camera(page: Page, person: Person) -> None:
    people.name_myself(page, person.username)
    people.start_camera(page)
    assert people.await_state(page, *people.ENDED) == "failed"


def test_a_registered_person_signs_in_with_another_photograph(
    portal: Server, videos: dict[str, Path], enrolled: Person
) -> None:
    with chromium(portal.url, camera(videos["returning"])) as page:
        people.name_myself(page, enrolled.username)
        people.start_camera(page)
        page.wait_for_url("**/account/")
        assert people.is_signed_in(page)
    if isinstance(portal, Machines):
        page_of, socket_of, form_of = _who_answered(portal)
        assert page_of != socket_of != form_of


def _who_answered(machines: Machines) -> list[str]:
    """The portals that gave the last capture page, held its socket, and took its form."""
    wanted = (
        ("GET", "/signin/face/capture/"),
        ("GET", "/ws/liveness/"),
        ("POST", "/signin/face/finish/"),
    )
    end = time.monotonic() + 20
    while True:
        last = {(asked.method, asked.path): asked.portal for asked in _asked(machines)}
        if all(each in last for each in wanted) or time.monotonic() > end:
            return [last[each] for each in wanted]
        time.sleep(0.2)


def _asked(machines: Machines) -> list[Asked]:
    assert machines.proxy is not None
    return machines.proxy.asked()


def test_someone_else_is_refused(stranger: Page, enrolled: Person) -> None:
    people.name_myself(stranger, enrolled.username)
    people.start_camera(stranger)
    stranger.wait_for_url("**/signin/face/finish/")
    screenshot(stranger, "refused-as-someone-else")
    assert not people.is_signed_in(stranger)


def test_an_unknown_name_is_refused_in_the_same_words(stranger: Page, enrolled: Person) -> None:
    answers = []
    for name in (enrolled.username, "nobody-of-this-name"):
        people.name_myself(stranger, name)
        people.start_camera(stranger)
        stranger.wait_for_url("**/signin/face/finish/")
        answers.append(stranger.inner_text("main"))
    assert answers[0] == answers[1]


def test_a_phone_held_to_the_camera_is_refused(phone: Page, enrolled: Person) -> None:
    _refused_at_the_camera(phone, enrolled)
    screenshot(phone, "refused-phone")
    expect(phone.get_by_text("That did not work")).to_be_visible()
    assert "screen" not in phone.inner_text("main").lower()
    assert not people.is_signed_in(phone)


def test_the_refused_attempt_waits_in_the_review_queue_and_gets_its_label(
    phone: Page, enrolled: Person
) -> None:
    _refused_at_the_camera(phone, enrolled)
    people.sign_in_with_password(phone, ADMINISTRATOR, ADMINISTRATOR_PASSWORD)
    phone.goto("/review/", wait_until="networkidle")
    screenshot(phone, "review-queue")
    row = phone.locator("[data-test=review-row]", has_text=enrolled.username).first
    row.get_by_role("link").first.click()
    phone.wait_for_load_state()
    address = phone.url
    screenshot(phone, "review-attempt")
    assert phone.locator("main img").evaluate_all("all => all.every(i => i.naturalWidth > 0)")
    phone.click("[data-test=review-label-screen]")
    phone.wait_for_load_state()
    phone.goto(address)
    screenshot(phone, "review-attempt-labelled")
    expect(phone.locator("main")).to_contain_text(ADMINISTRATOR)
