"""One Idempotency-Key, one deed."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from api import idempotency
from api.models import StoredAnswer
from api.tests.conftest import Program
from liveness.models import Attempt, Review
from liveness.tests.fakes import FakeEngine, ended_attempt, spoof

pytestmark = pytest.mark.django_db


@pytest.fixture
def attempt(db: None) -> Attempt:
    return ended_attempt(FakeEngine(spoof()))


def _label(client: Client, attempt: Attempt, label: str, token: str = "one") -> Any:
    return client.post(
        f"/api/v1/attempts/{attempt.pk}/label/",
        {"label": label},
        "application/json",
        headers={"Idempotency-Key": token},
    )


def test_a_repeated_request_is_carried_out_once(program: Program, attempt: Attempt) -> None:
    client = program()
    first, again = _label(client, attempt, "print"), _label(client, attempt, "print")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert (first.get("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (None, "true")
    assert Review.objects.count() == 1


def test_another_body_under_the_same_key_is_a_conflict(program: Program, attempt: Attempt) -> None:
    client = program()
    _label(client, attempt, "print")
    answer = _label(client, attempt, "screen")
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")
    assert Review.objects.count() == 1


def test_two_programs_may_use_the_same_token(program: Program, attempt: Attempt) -> None:
    assert _label(program(), attempt, "print").status_code == 200
    other = _label(program(), attempt, "screen")
    assert (other.status_code, other.json()["label"]) == (200, "screen")


def test_a_request_under_way_is_not_begun_again(program: Program, attempt: Attempt) -> None:
    client = program()
    _label(client, attempt, "print")
    StoredAnswer.objects.update(status=None)
    answer = _label(client, attempt, "print")
    assert (answer.status_code, answer.json()["code"]) == (409, "under_way")
    StoredAnswer.objects.update(created=timezone.now() - timedelta(minutes=6))
    assert _label(client, attempt, "print").status_code == 200


def test_a_refusal_that_may_pass_is_not_kept(program: Program, attempt: Attempt) -> None:
    assert _label(program("attempts:read"), attempt, "print").status_code == 403
    assert not StoredAnswer.objects.exists()


def test_the_kept_answer_is_encrypted_and_forgotten(program: Program, attempt: Attempt) -> None:
    _label(program(), attempt, "print")
    row = StoredAnswer.objects.get()
    assert str(attempt.pk).encode() not in bytes(row.body or b"")
    assert idempotency.forget_old() == 0
    StoredAnswer.objects.update(created=timezone.now() - timedelta(hours=25))
    assert idempotency.forget_old() == 1


def test_a_token_of_odd_characters_is_refused(program: Program, attempt: Attempt) -> None:
    answer = _label(program(), attempt, "print", "with space")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_idempotency_key")
