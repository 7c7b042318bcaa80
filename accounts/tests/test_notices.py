from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts import notices, tasks
from accounts.models import Budget, FailureNotice, User
from accounts.tests import flows
from liveness.tests.fakes import MALLORY

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def two_failures_are_free(settings: Any) -> None:
    settings.LIVEGATE_FAILURES_ACCOUNT = 2


def fail(times: int = 2, name: str = "alice") -> None:
    for _ in range(times):
        Budget.objects.update(until=None)
        flows.sign_in(Client(), name, MALLORY)


def link() -> str:
    body = str(mail.outbox[0].body)
    return next(line for line in body.splitlines() if "/notice/" in line).removeprefix(
        "http://127.0.0.1:8000"
    )


def test_one_failure_is_not_worth_a_mail(alice_with_face: User) -> None:
    fail(1)
    assert not mail.outbox


def test_the_owner_gets_one_mail_a_day(alice_with_face: User) -> None:
    fail(5)
    assert [message.to for message in mail.outbox] == [["alice@example.org"]]
    assert "127.0.0.0/24" in mail.outbox[0].body
    FailureNotice.objects.update(created=timezone.now() - timedelta(hours=25))
    fail(1)
    assert len(mail.outbox) == 2


def test_a_mail_that_could_not_be_queued_is_sent_later_and_once(
    alice_with_face: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(number: int) -> None:
        raise OperationalError("Redis is away")

    monkeypatch.setattr(tasks.send_notice, "delay", away)
    fail()
    tasks.send_waiting_notices()
    assert not mail.outbox, "It may still be on its way."
    FailureNotice.objects.update(created=timezone.now() - timedelta(minutes=3))
    tasks.send_waiting_notices()
    tasks.send_waiting_notices()
    assert [message.to for message in mail.outbox] == [["alice@example.org"]]


def test_a_name_of_nobody_gets_no_mail(alice_with_face: User) -> None:
    fail(4, "nobody")
    assert not mail.outbox


def test_opening_the_link_changes_nothing(alice_with_face: User) -> None:
    fail()
    assert Client().get(link()).status_code == 200
    alice_with_face.refresh_from_db()
    assert alice_with_face.face_off is None
    assert FailureNotice.objects.get().answer == ""


def test_this_was_me_changes_nothing_but_the_notice(alice_with_face: User) -> None:
    fail()
    Client().post(link(), {"answer": "me"})
    alice_with_face.refresh_from_db()
    assert alice_with_face.face_off is None
    assert FailureNotice.objects.get().answer == "me"


def test_this_was_not_me_switches_the_face_off_until_the_password_is_new(
    alice_with_face: User,
) -> None:
    fail()
    response = Client().post(link(), {"answer": "not_me"})
    assert response["Location"] == reverse("account_reset_password")
    Budget.objects.all().delete()
    assert flows.sign_in(Client(), "alice").status_code == 403
    client = flows.signed_in(alice_with_face)
    new = "eight blue bicycles"
    words = {"oldpassword": flows.PASSWORD, "password1": new, "password2": new}
    client.post(reverse("account_change_password"), words)
    again = Client()
    flows.sign_in(again, "alice")
    assert flows.is_signed_in(again)


def test_an_answer_counts_once(alice_with_face: User) -> None:
    fail()
    Client().post(link(), {"answer": "me"})
    Client().post(link(), {"answer": "not_me"})
    alice_with_face.refresh_from_db()
    assert alice_with_face.face_off is None


def test_a_forged_or_old_link_leads_to_a_page_that_helps(
    alice_with_face: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail()
    forged = Client().post(link()[:-3] + "xx/", {"answer": "not_me"})
    monkeypatch.setattr(notices, "_VALID", timedelta(0))
    old = Client().post(link(), {"answer": "not_me"})
    assert forged.status_code == old.status_code == 404
    assert reverse("account_reset_password") in old.content.decode()
    alice_with_face.refresh_from_db()
    assert alice_with_face.face_off is None


def test_an_answer_needs_a_form_of_ours(alice_with_face: User) -> None:
    fail()
    assert Client(enforce_csrf_checks=True).post(link(), {"answer": "not_me"}).status_code == 403
