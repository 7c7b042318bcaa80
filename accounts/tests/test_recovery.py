"""Everything lost: an administrator takes the factors off, and the owner's mail is what leads back in."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts import recovery
from accounts.models import User
from accounts.tests import flows
from accounts.tests.test_second_factor import SECRET, code, give_code
from trail import chain
from trail.models import AuditEntry

PEOPLE = reverse("admin:accounts_user_changelist")


@pytest.fixture
def locked_out(alice_with_face: User) -> User:
    TOTP.activate(alice_with_face, SECRET)
    RecoveryCodes.activate(alice_with_face)
    return alice_with_face


@pytest.fixture
def root(db: None) -> Client:
    user = User.objects.create_superuser("root", "root@example.org", flows.PASSWORD)
    return flows.signed_in(user)


def reset(client: Client, user: User, run: Any) -> Any:
    data = {"action": "reset_factors", "_selected_action": user.pk}
    with run(execute=True):
        return client.post(PEOPLE, data, follow=True)


def test_a_reset_opens_nothing_by_itself_and_tells_the_owner_everywhere(
    locked_out: User, root: Client, django_capture_on_commit_callbacks: Any
) -> None:
    EmailAddress.objects.create(user=locked_out, email="old@example.org")
    open_session = flows.signed_in(locked_out)
    give_code(open_session, code())
    assert b"was reset" in reset(root, locked_out, django_capture_on_commit_callbacks).content
    assert not Authenticator.objects.filter(user=locked_out).exists()
    assert open_session.get(reverse("accounts:overview")).status_code == 302
    assert not flows.is_signed_in(_tried(flows.PASSWORD))
    by_face = Client()
    assert flows.sign_in(by_face, "alice").status_code == 403
    told = [message.to[0] for message in mail.outbox]
    assert sorted(told) == ["alice@example.org", "old@example.org"]
    assert reverse("account_reset_password") in mail.outbox[0].body


def _tried(password: str) -> Client:
    client = Client()
    client.post(reverse("account_login"), {"login": "alice", "password": password})
    return client


def test_the_reset_is_an_entry_with_its_administrator(
    locked_out: User, root: Client, django_capture_on_commit_callbacks: Any
) -> None:
    reset(root, locked_out, django_capture_on_commit_callbacks)
    entry = AuditEntry.objects.get(event="factors_reset")
    by = User.objects.get(username="root")
    assert entry.subject == chain.pseudonym(locked_out.pk)
    assert entry.actor == chain.pseudonym(by.pk)
    assert entry.facts == {"factors": 1}


def test_nobody_resets_themselves_and_staff_reset_no_superuser(
    root: Client, alice: User, django_capture_on_commit_callbacks: Any
) -> None:
    superuser = User.objects.get(username="root")
    answer = reset(root, superuser, django_capture_on_commit_callbacks)
    assert b"was left as they are" in answer.content
    with pytest.raises(recovery.NotAllowed):
        recovery.reset(user=superuser, by=alice)
    superuser.refresh_from_db()
    assert superuser.has_usable_password()
    assert mail.outbox == []


def test_at_a_terminal_the_last_administrator_is_helped(locked_out: User) -> None:
    call_command("reset_factors", "alice")
    assert not Authenticator.objects.exists()
    assert [message.to for message in mail.outbox] == [["alice@example.org"]]
    with pytest.raises(CommandError, match="nobody-here"):
        call_command("reset_factors", "nobody-here")


def test_a_new_password_lets_the_face_in_again(locked_out: User) -> None:
    recovery.reset(user=locked_out, by=None)
    client = Client()
    client.post(reverse("account_reset_password"), {"email": "alice@example.org"})
    link = next(word for word in mail.outbox[-1].body.split() if "/reset/key/" in word)
    page = client.get(link, follow=True)
    new = "eleven yellow boats"
    client.post(page.redirect_chain[-1][0], {"password1": new, "password2": new})
    assert flows.is_signed_in(_tried(new))
    by_face = Client()
    flows.sign_in(by_face, "alice")
    assert flows.is_signed_in(by_face)
