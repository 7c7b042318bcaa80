from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.models import SignIn, User
from accounts.tests import flows
from liveness.tests.fakes import MALLORY

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code(secret: str = SECRET) -> str:
    return str(format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time()))))


def give_code(client: Client, text: str) -> Any:
    return client.post(reverse("mfa_authenticate"), {"code": text})


@pytest.fixture
def protected(alice_with_face: User) -> User:
    """Alice with a face, an authenticator app and recovery codes."""
    TOTP.activate(alice_with_face, SECRET)
    RecoveryCodes.activate(alice_with_face)
    return alice_with_face


def test_a_right_face_is_followed_by_a_code(protected: User) -> None:
    client = Client()
    response = flows.sign_in(client, "alice", target="/account/export/")
    assert response["Location"] == reverse("mfa_authenticate")
    assert not flows.is_signed_in(client)
    assert client.get(reverse("mfa_authenticate")).status_code == 200
    assert give_code(client, code())["Location"] == "/account/export/"
    assert flows.is_signed_in(client)
    assert SignIn.objects.get().way == SignIn.Way.FACE


def test_a_right_password_is_followed_by_a_code(protected: User) -> None:
    client = flows.signed_in(protected)
    assert not flows.is_signed_in(client)
    give_code(client, code())
    assert flows.is_signed_in(client)
    assert SignIn.objects.get().way == SignIn.Way.PASSWORD


def test_a_wrong_code_signs_nobody_in(protected: User) -> None:
    client = Client()
    flows.sign_in(client, "alice")
    wrong = str((int(code()) + 1) % 1_000_000).zfill(6)
    assert give_code(client, wrong).status_code == 200
    assert not flows.is_signed_in(client)


def test_a_strangers_face_is_never_asked_for_a_code(protected: User) -> None:
    client = Client()
    assert flows.sign_in(client, "alice", MALLORY).status_code == 403
    assert client.get(reverse("mfa_authenticate")).status_code == 302


def test_a_recovery_code_works_once(protected: User) -> None:
    first = RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes()[0]
    for works in (True, False):
        client = Client()
        flows.sign_in(client, "alice")
        give_code(client, first)
        assert flows.is_signed_in(client) is works


def test_a_password_after_a_face_that_got_no_code_counts_as_a_password(protected: User) -> None:
    client = Client()
    flows.sign_in(client, "alice")
    session = client.session
    del session["account_login"]  # what allauth remembers of the sign-in that waits for a code
    session.save()
    client.post(reverse("account_login"), {"login": "alice", "password": flows.PASSWORD})
    give_code(client, code())
    assert SignIn.objects.get().way == SignIn.Way.PASSWORD


def test_the_administration_has_no_door_without_a_code(protected: User) -> None:
    User.objects.update(is_staff=True, is_superuser=True)
    client = Client()
    data = {"username": "alice", "password": flows.PASSWORD}
    client.post("/admin/login/", data)
    assert not flows.is_signed_in(client)


def test_the_key_of_an_app_is_not_readable_in_the_database(protected: User) -> None:
    assert SECRET not in str(list(Authenticator.objects.values()))


def require_everybody(settings: Any, user: User) -> None:
    settings.LIVEGATE_SECOND_FACTOR = "everybody"


def require_staff(settings: Any, user: User) -> None:
    settings.LIVEGATE_SECOND_FACTOR = "staff"
    User.objects.update(is_staff=True)


def require_group(settings: Any, user: User) -> None:
    settings.LIVEGATE_SECOND_FACTOR_GROUPS = ["bank"]
    user.groups.add(Group.objects.create(name="bank"))


@pytest.mark.parametrize("require", [require_everybody, require_staff, require_group])
def test_a_face_without_the_second_factor_it_needs_is_not_enough(
    alice_with_face: User, settings: Any, require: Any
) -> None:
    require(settings, alice_with_face)
    client = Client()
    assert b"second-factor-missing" in flows.sign_in(client, "alice").content
    assert not flows.is_signed_in(client)
    assert flows.is_signed_in(flows.signed_in(alice_with_face))


def test_the_rule_for_staff_binds_nobody_else(alice_with_face: User, settings: Any) -> None:
    settings.LIVEGATE_SECOND_FACTOR = "staff"
    client = Client()
    flows.sign_in(client, "alice")
    assert flows.is_signed_in(client)


def test_a_face_alone_sets_up_no_second_factor(alice_with_face: User) -> None:
    client = Client()
    flows.sign_in(client, "alice")
    response = client.get(reverse("mfa_activate_totp"))
    assert response["Location"].startswith(reverse("account_reauthenticate"))


def test_the_pages_of_the_second_factor_can_be_read(alice: User) -> None:
    EmailAddress.objects.create(user=alice, email=alice.email)
    client = flows.signed_in(alice)
    client.post(reverse("account_reauthenticate"), {"password": flows.PASSWORD})
    assert client.get(reverse("mfa_index")).status_code == 200
    page = client.get(reverse("mfa_activate_totp"))
    assert b"data:image/svg" in page.content
    RecoveryCodes.activate(alice)
    TOTP.activate(alice, SECRET)
    client.post(reverse("mfa_reauthenticate"), {"code": code()})
    codes = RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes()
    assert codes[0].encode() in client.get(reverse("mfa_view_recovery_codes")).content
