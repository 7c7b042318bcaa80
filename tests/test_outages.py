"""While the database or Redis is away, everybody is told when to try again; other errors stay errors."""

from collections.abc import Callable

import pytest
import redis
from django.db import InterfaceError, OperationalError, ProgrammingError
from django.test import Client
from django.urls import reverse
from kombu.exceptions import OperationalError as BrokerError

from portal import outages

pytestmark = pytest.mark.django_db

AWAY = [
    OperationalError("connection refused"),
    InterfaceError("connection already closed"),
    redis.ConnectionError("connection refused"),
    redis.TimeoutError("timed out"),
    BrokerError("connection refused"),
]


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False)


def _failing(error: Exception) -> Callable[..., None]:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__module__)
def test_a_page_says_what_to_do_and_when(
    visitor: Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("portal.views.render", _failing(error))
    answer = visitor.get("/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert "Please try again in ten seconds" in answer.content.decode()
    assert str(error) not in answer.content.decode()
    assert "frame-ancestors" in answer["Content-Security-Policy"]


def test_what_fails_while_a_session_is_read_is_told_as_well(
    visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = _failing(OperationalError("connection refused"))
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", away)
    visitor.cookies["session"] = "x" * 32
    assert visitor.get(reverse("accounts:overview")).status_code == 503


def test_a_program_gets_a_problem_document(
    visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = _failing(redis.ConnectionError("connection refused"))
    monkeypatch.setattr("api.people_api.ConsentTextView.initial", away)
    answer = visitor.get("/api/v1/consent-text/")
    assert answer.status_code == 503
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "unavailable"


def test_a_bug_stays_an_error(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.views.render", _failing(ProgrammingError("no such column")))
    answer = visitor.get("/")
    assert answer.status_code == 500
    assert "Retry-After" not in answer


def test_an_outage_behind_another_error_is_one() -> None:
    behind = RuntimeError("could not look it up")
    behind.__cause__ = OperationalError("connection refused")
    assert outages.is_outage(behind)
    assert not outages.is_outage(RuntimeError("a bug"))
    assert not outages.is_outage(None)
