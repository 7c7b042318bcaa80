"""The server of a portal that nobody administers prints the code that makes its first administrator."""

import io

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import SetupCode, User
from api.sender import sender
from portal import serving
from trail.models import AuditEntry

pytestmark = pytest.mark.django_db

_PASSWORD = "seven green bicycles"


def _serve_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """`serve` ends at once, and nothing goes on in the background."""
    monkeypatch.setattr(serving, "serve", lambda host, port: None)
    monkeypatch.setattr(sender, "start", lambda: None)


def test_the_server_prints_a_code_that_opens_the_page(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve_nobody(monkeypatch)
    out = io.StringIO()
    call_command("serve", prepared=True, stdout=out)
    code = out.getvalue().split("enter the code ")[1].split()[0]
    answer = client.post(
        reverse("accounts:setup"),
        {
            "code": code.lower().replace("-", " "),
            "username": "root",
            "email": "root@example.org",
            "password1": _PASSWORD,
            "password2": _PASSWORD,
        },
    )
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("checklist"))
    root = User.objects.get()
    assert (root.username, root.is_superuser, root.is_staff) == ("root", True, True)
    assert root.check_password(_PASSWORD)
    assert client.get(reverse("checklist")).status_code == 200
    assert AuditEntry.objects.filter(event="first_administrator_made").count() == 1


@pytest.mark.parametrize(
    ("site", "page"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8077/setup/"),
        ("https://portal.example.org", "https://portal.example.org/setup/"),
    ],
)
def test_the_page_is_where_people_reach_the_server(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, site: str, page: str
) -> None:
    _serve_nobody(monkeypatch)
    settings.SITE_URL = site
    out = io.StringIO()
    call_command("serve", prepared=True, port="8077", stdout=out)
    assert f"Open {page} and" in out.getvalue()


def test_a_server_that_is_administered_prints_none(monkeypatch: pytest.MonkeyPatch) -> None:
    _serve_nobody(monkeypatch)
    User.objects.create_superuser("root")
    out = io.StringIO()
    call_command("serve", prepared=True, stdout=out)
    assert "code" not in out.getvalue()
    assert not SetupCode.objects.exists()
