"""What a new site still needs is read from the site: each item turns as soon as the thing itself is so."""

import stat
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings as configured
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from liveness import reviewing
from liveness.models import Attempt
from liveness.tests.fakes import ALICE, FakeEngine, ended_attempt, spoof
from portal import checklist, doctor, keys_copy

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root", "root@example.org", "seven green bicycles")


def _done() -> dict[str, bool]:
    return {item.name: item.done for item in checklist.items()}


def test_a_fresh_site_has_almost_everything_before_it(root: User, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    found = _done()
    assert set(found) == {"sound", "https", "mail", "camera", "second-factor", "keys", "review"}
    for name in ("https", "mail", "camera", "second-factor", "review"):
        assert found[name] is False, name


def test_what_is_open_says_what_to_do(root: User) -> None:
    assert [item.name for item in checklist.items() if not item.done and not item.mend] == []
    assert [item.name for item in checklist.items() if item.done and item.mend] == []


def test_a_camera_counts_once_it_has_shown_a_frame(root: User) -> None:
    assert not _done()["camera"]
    ended_attempt(FakeEngine(spoof(), [ALICE]))
    assert _done()["camera"]


def test_a_review_counts_once_somebody_labelled(root: User) -> None:
    attempt = ended_attempt(FakeEngine(spoof(), [ALICE]))
    assert not _done()["review"]
    reviewing.review_attempt(attempt=attempt, reviewer=root, label="screen")
    assert _done()["review"]


def test_every_administrator_needs_a_second_factor(root: User) -> None:
    TOTP.activate(root, generate_totp_secret())
    assert _done()["second-factor"]
    User.objects.create_superuser("second")
    assert not _done()["second-factor"]


def test_https_counts_when_the_certificate_is_trusted(
    root: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SITE_URL = "https://portal.example.org"
    monkeypatch.setattr(doctor, "_days_left", lambda host, port: 60.0)
    assert _done()["https"]
    monkeypatch.setattr(doctor, "_days_left", lambda host, port: 3.0)
    assert not _done()["https"]


def test_a_copy_of_the_keys_counts_until_the_keys_change(
    root: User, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_copy, "made_here", lambda: True)
    assert not _done()["keys"]
    call_command("copy_keys", str(tmp_path / "stick"), verbosity=0)
    assert _done()["keys"]
    copied = (tmp_path / "stick" / "LIVENESS_ENCRYPTION_KEYS").read_text()
    assert len(copied.split(",")) == len(configured.LIVENESS_ENCRYPTION_KEYS)
    assert (tmp_path / "stick" / "SECRET_KEY").read_text() == configured.SECRET_KEY
    for path in (tmp_path / "stick").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    settings.LIVENESS_ENCRYPTION_KEYS = [b"n" * 32, *settings.LIVENESS_ENCRYPTION_KEYS]
    assert not _done()["keys"]


def test_a_copy_inside_the_site_is_no_copy(root: User) -> None:
    with pytest.raises(CommandError, match="name a folder elsewhere"):
        call_command("copy_keys", str(configured.VAR / "copy"))


def test_keys_from_the_settings_are_their_owners_to_keep(
    root: User, settings: Settings, tmp_path: Path
) -> None:
    settings.VAR = tmp_path
    assert not keys_copy.made_here()
    assert _done()["keys"]


def test_the_page_shows_what_is_so(root: User, client: Client) -> None:
    client.force_login(root)
    page = client.get(reverse("checklist")).content.decode()
    assert page.count('data-done="yes"') == sum(_done().values())
    assert 'data-test="checklist-review" data-done="no"' in page


def test_a_mail_can_be_asked_for(root: User, client: Client, settings: Settings) -> None:
    client.force_login(root)
    answer = client.post(reverse("test_mail"), follow=True)
    assert "A mail is on its way to root@example.org." in answer.content.decode()
    assert mail.outbox[0].to == ["root@example.org"]


def test_a_mail_that_cannot_be_sent_says_why(
    root: User, client: Client, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    client.force_login(root)
    assert (
        "The mail could not be sent"
        in client.post(reverse("test_mail"), follow=True).content.decode()
    )


@pytest.mark.parametrize("rank", [{}, {"is_staff": True}])
def test_administrators_alone_see_it(client: Client, rank: dict[str, Any]) -> None:
    client.force_login(User.objects.create_user("bob", **rank))
    assert client.get(reverse("checklist")).status_code == 403
    assert Attempt.objects.count() == 0
