"""A fresh portal gets its first administrator by a code of the server's log, once, and never a second one that way."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import setup
from accounts.models import SetupCode, User
from trail.models import AuditEntry

pytestmark = pytest.mark.django_db

_PASSWORD = "seven green bicycles"


def _form(code: str, **changes: str) -> dict[str, str]:
    given = {"code": code, "username": "root", "email": "root@example.org"}
    return given | {"password1": _PASSWORD, "password2": _PASSWORD} | changes


def _post(client: Client, code: str, **changes: str) -> Any:
    return client.post(reverse("accounts:setup"), _form(code, **changes))


def test_the_home_page_of_a_new_portal_says_what_to_do(client: Client) -> None:
    assert 'data-test="unattended"' in client.get("/").content.decode()
    User.objects.create_superuser("root")
    assert 'data-test="unattended"' not in client.get("/").content.decode()


def test_a_wrong_code_makes_nobody_and_is_noted(client: Client) -> None:
    setup.new_code()
    answer = _post(client, "AAAA-BBBB-CCCC-DDDD-EEEE")
    assert answer.status_code == 200
    assert "This is not the code" in answer.content.decode()
    assert not User.objects.exists()
    assert AuditEntry.objects.filter(event="setup_refused").count() == 1


def test_without_a_code_there_is_no_way_in(client: Client) -> None:
    assert _post(client, "").status_code == 200
    assert _post(client, "x").status_code == 200
    assert not User.objects.exists()


def test_a_code_of_yesterday_is_none(client: Client) -> None:
    code = setup.new_code()
    SetupCode.objects.update(created=timezone.now() - timedelta(hours=25))
    _post(client, code)
    assert not User.objects.exists()


def test_the_page_is_gone_once_somebody_administers_the_portal(client: Client) -> None:
    code = setup.new_code()
    User.objects.create_superuser("root")
    assert client.get(reverse("accounts:setup")).status_code == 404
    assert _post(client, code, username="mallory").status_code == 404
    with pytest.raises(setup.SetupRefused):
        setup.make_administrator(code=code, username="m", email="", password="x")
    assert User.objects.count() == 1


def test_all_codes_end_with_the_first_that_is_used(client: Client) -> None:
    first, second = setup.new_code(), setup.new_code()
    assert _post(client, first).status_code == 302
    User.objects.all().delete()
    assert _post(Client(), second).status_code == 200
    assert _post(Client(), first).status_code == 200
    assert not User.objects.exists()


def test_a_weak_password_is_refused_and_the_code_stays_good(client: Client) -> None:
    code = setup.new_code()
    assert _post(client, code, password1="12345678", password2="12345678").status_code == 200
    assert not User.objects.exists()
    assert _post(client, code).status_code == 302


def test_the_code_is_kept_as_a_digest_alone() -> None:
    code = setup.new_code()
    assert len(code.replace("-", "")) == 20
    row = SetupCode.objects.get()
    assert code not in row.digest
    assert code.replace("-", "") not in row.digest
    assert setup.new_code() != code


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_administrator() -> None:
    codes = [setup.new_code(), setup.new_code()]
    made = []

    def try_it(number: int) -> None:
        try:
            given = {"username": f"root{number}", "email": "", "password": _PASSWORD}
            made.append(setup.make_administrator(code=codes[number], **given))
        except setup.SetupRefused:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=try_it, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == User.objects.filter(is_superuser=True).count() == 1
