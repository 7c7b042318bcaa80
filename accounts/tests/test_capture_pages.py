import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from accounts.tests import flows
from liveness.models import Attempt
from liveness.services import start_attempt


@pytest.fixture(params=["enrol", "signin"])
def page(request: pytest.FixtureRequest, at_home: Client) -> Any:
    if request.param == "enrol":
        return at_home.get(reverse("accounts:enrol_capture"))
    return flows.capture_page(Client(), "anybody")


def test_a_camera_page_is_never_stored(page: Any) -> None:
    assert "no-store" in page["Cache-Control"]


def test_a_camera_page_may_use_the_camera_and_nothing_else(page: Any) -> None:
    policy = page["Permissions-Policy"]
    assert "camera=(self)" in policy
    assert "microphone=()" in policy


def test_a_camera_page_carries_what_the_script_needs(page: Any) -> None:
    body = page.content.decode()
    attempt = page.context["attempt"]
    for hook in (
        'id="capture"',
        f'data-attempt="{attempt.pk}"',
        'data-socket-path="/ws/liveness/"',
        f'data-purpose="{attempt.purpose}"',
        'data-test="capture-start"',
        'data-test="capture-hint"',
        'data-test="capture-state"',
        'data-test="capture-retry"',
        "csrfmiddlewaretoken",
        "<noscript>",
    ):
        assert hook in body


def test_a_camera_page_has_no_inline_script_style_or_handler(page: Any) -> None:
    """The content security policy would silently drop them."""
    body = page.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)", body)
    assert not re.search(r"<[^>]+\s(style|on\w+)=", body)
    assert "<style" not in body


def test_the_hint_is_a_live_region(page: Any) -> None:
    body = page.content.decode()
    assert re.search(r'role="status" aria-live="polite" data-test="capture-hint"', body)


def test_every_visit_opens_a_new_attempt(at_home: Client) -> None:
    pages = [at_home.get(reverse("accounts:enrol_capture")) for _ in range(2)]
    assert Attempt.objects.count() == 2
    first, second = (page.context["ticket"] for page in pages)
    key = at_home.session.session_key or ""
    assert start_attempt(ticket=first, session_key=key) != start_attempt(
        ticket=second, session_key=key
    )


def test_too_many_attempts_from_one_network_wait_a_minute(settings: Settings, db: None) -> None:
    settings.LIVENESS_ATTEMPTS_PER_MINUTE = 2
    client = Client()
    statuses = [flows.capture_page(client, "anybody").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_behind_a_proxy_the_address_the_proxy_saw_counts(settings: Settings, db: None) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    client = Client(headers={"X-Forwarded-For": "203.0.113.9, 198.51.100.7"})
    flows.capture_page(client, "anybody")
    assert Attempt.objects.get().client == "198.51.100.0/24"


def test_without_a_proxy_a_forwarded_address_is_not_believed(db: None) -> None:
    client = Client(headers={"X-Forwarded-For": "203.0.113.9"})
    flows.capture_page(client, "anybody")
    assert Attempt.objects.get().client == "127.0.0.0/24"
