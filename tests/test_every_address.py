"""Every address of the site, as a stranger, as another person, and as staff without a permission.

A new address fails the first test until it is listed with who may see it.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from accounts.models import User
from liveness.models import Attempt
from liveness.tests.fakes import FakeEngine, ended_attempt, spoof

pytestmark = pytest.mark.django_db

# Open to strangers by design: pages around signing in, and health. Their own tests say what they show.
OPEN = {
    "",
    "healthz",
    "livez",
    "readyz",
    "api/v1/schema/",
    "api/v1/docs/",
    "signin/face/",
    "signin/face/capture/",
    "signin/face/finish/",
}
OPEN_ROOMS = ("auth/",)
# One's own account: a stranger is sent to the sign-in page; nothing in the address names a person.
OWN_ROOMS = ("account/",)
# For people with a permission alone.
STAFF_ROOMS = ("review/", "api/", "training/", "models/", "gate/", "admin/")
FILLED = {
    "uuid": "{attempt}",
    "int": "1",
    "str": "best",
    "slug": "promote",
    "scale": "2.7",
}


def addresses() -> Iterator[str]:
    """Every pattern of the resolver, with something in the place of each parameter."""
    return (_filled(pattern) for pattern in _walk(get_resolver(), ""))


def _walk(resolver: Any, before: str) -> Iterator[str]:
    for part in resolver.url_patterns:
        whole = before + str(part.pattern)
        if hasattr(part, "url_patterns"):
            yield from _walk(part, whole)
        else:
            yield whole


def _filled(pattern: str) -> str:
    kinds = re.sub(r"<(?:(\w+):)?\w+>", lambda m: FILLED.get(m[1] or "str", "1"), _plain(pattern))
    return kinds.replace("\\.", ".").replace("\\Z", "")


def _plain(pattern: str) -> str:
    pattern = re.sub(r"\(\?P<(pk)>[^)]*\)", "{attempt}", pattern)
    pattern = re.sub(r"\(\?P<\w+>(?:[^()]|\([^)]*\))*\)", "x", pattern)
    return re.sub(r"[\^$?]", "", pattern)


def _guarded() -> list[str]:
    return [a for a in addresses() if a not in OPEN and not a.startswith(OPEN_ROOMS)]


@pytest.fixture
def attempt() -> Attempt:
    """A refused attempt of somebody else, with evidence."""
    return ended_attempt(FakeEngine(spoof()))


def test_every_address_is_listed() -> None:
    rooms = OPEN_ROOMS + OWN_ROOMS + STAFF_ROOMS
    assert [a for a in addresses() if a not in OPEN and not a.startswith(rooms)] == []


def _lets_in(client: Client, address: str, attempt: Attempt) -> list[int]:
    path = "/" + address.format(attempt=attempt.pk)
    answers = [client.get(path), client.post(path), client.delete(path), client.put(path)]
    return [a.status_code for a in answers if a.status_code < 300 or a.status_code >= 500]


def test_a_stranger_is_let_in_nowhere_but_at_the_door(attempt: Attempt) -> None:
    public = {"admin/login/"}
    let_in = {a: _lets_in(Client(), a, attempt) for a in _guarded() if a not in public}
    assert {a: codes for a, codes in let_in.items() if codes} == {}


@pytest.mark.parametrize("staff", [False, True])
def test_nobody_sees_what_needs_a_permission_without_it(attempt: Attempt, staff: bool) -> None:
    person = User.objects.create_user("mallory", is_staff=staff)
    client = Client()
    client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    mine = ("admin/", "admin/login/", "admin/logout/", "admin/password_change", "admin/jsi18n/")
    rooms = [a for a in _guarded() if a.startswith(STAFF_ROOMS) and not a.startswith(mine[1:])]
    let_in = {a: _lets_in(client, a, attempt) for a in rooms if a != "admin/"}
    assert {a: codes for a, codes in let_in.items() if codes} == {}
    assert Attempt.objects.get(pk=attempt.pk).label == ""


@pytest.mark.parametrize(
    "path", ["/", "/signin/face/", "/auth/login/", "/no/such/page", "/healthz"]
)
def test_every_answer_carries_the_browsers_orders(path: str) -> None:
    headers = Client().get(path).headers
    assert "'unsafe-" not in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert "camera=(self)" in headers["Permissions-Policy"]
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_evidence_is_never_stored_by_a_browser(attempt: Attempt, admin_client: Client) -> None:
    answer = admin_client.get(f"/review/{attempt.pk}/worst.jpg")
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
