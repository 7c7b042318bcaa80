"""Every address of the portal, and who may open it. A new address fails here until it is listed."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.test import Client
from django.urls import get_resolver

PUBLIC, OWN, STAFF = "everybody", "the person who is signed in", "staff with the permission"
OWNER = "whom the row belongs to; its own tests prove that to others it is not there"
TOKEN = "programs that know its token; its own tests prove it"

# By the beginning of the address as the resolver writes it; the longest that fits counts.
AUDIENCES = {
    "healthz": PUBLIC,
    "readyz": PUBLIC,
    "language/": PUBLIC,
    "words.js": PUBLIC,
    "metrics": TOKEN,
    "account/": OWN,
    "signin/face/": PUBLIC,
    # Only while nobody administers the portal, and only with the code of its log.
    "setup/": PUBLIC,
    "site/": STAFF,
    "model/": PUBLIC,
    # Without a sign-in that waits for its second half it leads to the first.
    "signin/more/": PUBLIC,
    # Behind the link of a mail to the owner, who can only make the account safer there.
    "notice/": PUBLIC,
    "auth/login/": PUBLIC,
    "auth/login/code/confirm/": PUBLIC,
    "auth/logout/": PUBLIC,
    "auth/inactive/": PUBLIC,
    "auth/signup/": PUBLIC,
    "auth/reauthenticate/": OWN,
    "auth/email/": OWN,
    "auth/confirm-email/": PUBLIC,
    "auth/^confirm-email/": PUBLIC,
    "auth/second-factor/": OWN,
    "auth/second-factor/webauthn/keys/": OWNER,
    "auth/password/change/": OWN,
    "auth/password/set/": OWN,
    "auth/password/reset/": PUBLIC,
    "auth/^password/reset/key/": PUBLIC,
    "review/": STAFF,
    "training/": STAFF,
    "models/": STAFF,
    "gate/": STAFF,
    "keys/": STAFF,
    "webhooks/": STAFF,
    "api/v1/schema/": PUBLIC,
    "api/v1/docs/": PUBLIC,
    "api/v1/^attempts/": STAFF,
    "api/v1/^models/": STAFF,
    "api/v1/check/": STAFF,
    "api/v1/drift/": STAFF,
    "api/v1/^training-runs/": STAFF,
    "api/v1/gate/": STAFF,
    "api/v1/^captures/": TOKEN,
    "api/v1/^people/": TOKEN,
    "api/v1/^webhooks/": STAFF,
    "api/v1/consent-text/": TOKEN,
    "embed/": TOKEN,
}
# The first page of the site, and the signpost of the API.
EXACTLY = {"": PUBLIC, "api/": PUBLIC}
# Django's own pages for every member of the staff; they show nothing that was not permitted.
ADMIN_FOR_ALL_STAFF = {
    "admin/",
    "admin/login/",
    "admin/logout/",
    "admin/password_change/",
    "admin/password_change/done/",
    "admin/jsi18n/",
}
_EXAMPLES = {
    "uuid": "11111111-2222-4333-8444-555555555555",
    "int": "1",
    "slug": "promote",
    "str": "worst",
    "scale": "2.7",
    "path": "1",
}


def _addresses(patterns: Any = None, before: str = "") -> Iterator[str]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from _addresses(pattern.url_patterns, route)
        else:
            yield route


def _audience(route: str) -> str | None:
    if route in EXACTLY:
        return EXACTLY[route]
    fitting = [start for start in AUDIENCES if route.startswith(start)]
    return AUDIENCES[max(fitting, key=len)] if fitting else None


def _example(route: str) -> str:
    """A path that the route leads to."""
    path = re.sub(r"<(?:(\w+):)?\w+>", lambda m: _EXAMPLES[m[1] or "path"], route)
    path = re.sub(r"\(\?P(?:1|<\w+>).*?\)", "1", path)
    return "/" + path.replace("^", "").replace("$", "")


ROUTES = list(dict.fromkeys(_addresses()))
PORTAL = [route for route in ROUTES if not route.startswith("admin/")]
ADMIN = [route for route in ROUTES if route.startswith("admin/")]


@pytest.fixture(autouse=True)
def _fresh_rate_limits() -> None:
    cache.clear()


def _client(name: str, **rank: Any) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_user(name, f"{name}@example.org", **rank))
    return client


def _answers(client: Client, route: str) -> dict[str, Any]:
    path = _example(route)
    return {way: client.generic(way, path) for way in ("GET", "POST", "PUT", "PATCH", "DELETE")}


def _refused(response: Any) -> bool:
    to_sign_in = response.status_code == 302 and "login" in response.headers["Location"]
    return to_sign_in or response.status_code in (401, 403, 405)


def test_every_address_has_its_audience() -> None:
    assert [route for route in PORTAL if _audience(route) is None] == []


def test_a_persons_own_pages_name_nobody() -> None:
    """What is shown there follows from the session alone: no number in the address could be another person's."""
    own = [route for route in PORTAL if _audience(route) == OWN]
    assert own
    assert [route for route in own if "<" in route] == []


@pytest.mark.django_db
@pytest.mark.parametrize("route", [r for r in PORTAL if _audience(r) in (OWN, OWNER, STAFF)])
def test_a_stranger_opens_nothing_that_is_not_public(route: str) -> None:
    answers = _answers(Client(), route)
    assert all(map(_refused, answers.values())), answers
    assert {answer.status_code for answer in answers.values()} != {405}


@pytest.mark.django_db
@pytest.mark.parametrize("staff", [False, True])
@pytest.mark.parametrize("route", [r for r in PORTAL if _audience(r) == STAFF])
def test_without_the_permission_neither_people_nor_staff_get_in(route: str, staff: bool) -> None:
    answers = _answers(_client("bob", is_staff=staff), route)
    assert {answer.status_code for answer in answers.values()} in ({403}, {403, 405}), answers


@pytest.mark.django_db
@pytest.mark.parametrize("route", [r for r in PORTAL if _audience(r) == STAFF])
def test_who_may_do_everything_is_refused_nowhere(route: str) -> None:
    root = _client("root", is_staff=True, is_superuser=True)
    assert root.get(_example(route)).status_code not in (302, 401, 403)


@pytest.mark.django_db
@pytest.mark.parametrize("route", ADMIN)
def test_the_admin_shows_nothing_without_permission(route: str) -> None:
    path = _example(route)
    for client in (Client(), _client("bob")):
        assert client.get(path).status_code in (302, 403, 404) or route == "admin/login/"
    staff = _client("carol", is_staff=True).get(path)
    assert staff.status_code != 200 or route in ADMIN_FOR_ALL_STAFF


@pytest.mark.django_db
@pytest.mark.parametrize("route", PORTAL)
def test_every_page_carries_the_policies_and_is_stored_by_no_cache(route: str) -> None:
    root = _client("root", is_staff=True, is_superuser=True)
    for answer in (Client().get(_example(route)), root.get(_example(route))):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "camera=(self)" in answer.headers["Permissions-Policy"]
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert _inline(answer) == []
    assert "no-store" in answer.headers["Cache-Control"]


def _inline(answer: Any) -> list[str]:
    """Scripts, styles and handlers that stand in a page; data for a script is none."""
    if not answer.headers.get("Content-Type", "").startswith("text/html"):
        return []
    wrong = r"<style|<[^>]+\sstyle=|<[^>]+\son\w+=|<script(?![^>]*(\bsrc=|json))[^>]*>"
    return [found[0] for found in re.finditer(wrong, answer.content.decode())]
