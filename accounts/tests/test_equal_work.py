"""Whoever listens to the time of an answer learns nothing: each POST of a sign-in costs the same work for every name."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import matching
from accounts.models import User
from accounts.tests import flows
from liveness.tests.fakes import MALLORY

pytestmark = pytest.mark.django_db

NAMES = ("alice", "berta", "nobody")


@pytest.fixture(autouse=True)
def _people(alice_with_face: User) -> None:
    """Alice has a face and a password, Berta neither; nobody has the third name."""
    cache.clear()
    User.objects.create_user("berta", "berta@example.org")


def _counted(monkeypatch: pytest.MonkeyPatch, place: Any, name: str) -> list[str]:
    """A list that grows by one name with every call."""
    calls: list[str] = []
    real: Callable[..., Any] = getattr(place, name)

    def call(*given: Any, **named: Any) -> Any:
        calls.append(name)
        return real(*given, **named)

    monkeypatch.setattr(place, name, call)
    return calls


def test_a_wrong_password_is_hashed_once_whoever_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing is nearly all of the time that this POST takes."""
    hashed = _counted(monkeypatch, MD5PasswordHasher, "encode")
    costs = []
    for name in NAMES:
        hashed.clear()
        answer = Client().post(reverse("account_login"), {"login": name, "password": "wrong"})
        assert answer.status_code == 200
        costs.append(len(hashed))
    assert costs[0] == costs[2] > 0
    assert costs[1] >= costs[2]


def test_giving_a_name_asks_the_database_as_often_whoever_is_named() -> None:
    costs = []
    for name in NAMES:
        client = Client()
        client.get(reverse("accounts:signin_face"))
        with CaptureQueriesContext(connection) as asked:
            client.post(reverse("accounts:signin_face"), {"username": name}, follow=True)
        costs.append(len(asked))
    assert len(set(costs)) == 1, costs


def test_claiming_a_pass_costs_as_much_cryptography_whoever_was_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The last POST: templates are opened, rotated and compared for a name of nobody too."""
    matching.match(None, MALLORY)
    costs = []
    for name in NAMES:
        client = Client()
        attempt = flows.look_into_camera(client, flows.capture_page(client, name), MALLORY)
        with monkeypatch.context() as watched:
            work = [
                _counted(watched, matching, step) for step in ("unseal", "protect", "similarity")
            ]
            assert flows.finish(client, attempt.pk).status_code == 403
        costs.append([len(calls) for calls in work])
    assert costs == [[2, 1, 1]] * len(NAMES)
