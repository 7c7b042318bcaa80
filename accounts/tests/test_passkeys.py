"""Passkeys as second factors. That a real browser makes and uses them is proven in tests/e2e/test_passkeys.py."""

import json
from hashlib import sha256
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client, RequestFactory
from django.urls import reverse
from fido2 import cbor
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import Aaguid, AttestedCredentialData, AuthenticatorData

from accounts.models import User
from accounts.templatetags import passkeys
from accounts.tests import flows


def passkey(user: User, credential: dict[str, Any]) -> Authenticator:
    data = {"name": "Telephone", "credential": credential}
    return Authenticator.objects.create(user=user, type="webauthn", data=data)


@pytest.fixture
def credential() -> dict[str, Any]:
    """An attestation as a browser posts it, of a key that nobody holds."""
    key = ES256({1: 2, 3: -7, -1: 1, -2: b"\1" * 32, -3: b"\2" * 32})
    attested = AttestedCredentialData.create(Aaguid(bytes(16)), b"\3" * 16, key)
    data = AuthenticatorData.create(
        sha256(b"testserver").digest(), AuthenticatorData.FLAG(0x41), 0, attested
    )
    said = {"type": "webauthn.create", "challenge": "AAAA", "origin": "https://testserver"}
    statement = cbor.encode({"fmt": "none", "attStmt": {}, "authData": bytes(data)})
    return {
        "id": websafe_encode(b"\3" * 16),
        "rawId": websafe_encode(b"\3" * 16),
        "type": "public-key",
        "response": {
            "clientDataJSON": websafe_encode(json.dumps(said).encode()),
            "attestationObject": websafe_encode(statement),
        },
    }


def test_a_right_password_is_followed_by_the_passkey(alice: User, credential: Any) -> None:
    passkey(alice, credential)
    client = flows.signed_in(alice)
    assert not flows.is_signed_in(client)
    page = client.get(reverse("mfa_authenticate"))
    assert b"passkey-use" in page.content


def test_a_right_face_is_followed_by_the_passkey(alice_with_face: User, credential: Any) -> None:
    passkey(alice_with_face, credential)
    client = Client()
    assert flows.sign_in(client, "alice")["Location"] == reverse("mfa_authenticate")
    assert not flows.is_signed_in(client)


@pytest.mark.parametrize("posted", ["", "no json", "{}", '{"id": 1}'])
def test_nonsense_instead_of_a_passkey_signs_nobody_in(
    alice: User, credential: Any, posted: str
) -> None:
    passkey(alice, credential)
    client = flows.signed_in(alice)
    assert client.post(reverse("mfa_authenticate"), {"credential": posted}).status_code == 200
    assert not flows.is_signed_in(client)


def test_nonsense_is_not_added_as_a_passkey(alice: User) -> None:
    client = flows.signed_in(alice)
    client.post(reverse("account_reauthenticate"), {"password": flows.PASSWORD})
    assert client.get(reverse("mfa_add_webauthn")).status_code == 200
    for posted in ("", "no json", "{}", '{"id": 1}', '{"id": "AA", "rawId": "AA", "response": {}}'):
        client.post(reverse("mfa_add_webauthn"), {"credential": posted})
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("page", ["mfa_edit_webauthn", "mfa_remove_webauthn"])
def test_the_passkey_of_another_person_is_not_there(
    alice: User, credential: Any, page: str
) -> None:
    bob = User.objects.create_user("bob", "bob@example.org", flows.PASSWORD)
    theirs = passkey(bob, credential)
    client = flows.signed_in(alice)
    client.post(reverse("account_reauthenticate"), {"password": flows.PASSWORD})
    address = reverse(page, args=[theirs.pk])
    assert client.get(address).status_code == 404
    assert client.post(address, {"name": "Mine"}).status_code == 404
    theirs.refresh_from_db()
    assert theirs.data["name"] == "Telephone"


@pytest.mark.parametrize(
    ("host", "https", "works"),
    [
        ("localhost:8000", False, True),
        ("portal.example.org", True, True),
        ("127.0.0.1:8000", False, False),
        ("[::1]:8000", True, False),
        ("192.0.2.7", True, False),
        ("portal.example.org", False, False),
    ],
)
def test_passkeys_need_a_name_and_https_or_this_machine(
    settings: Any, host: str, https: bool, works: bool
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    request = RequestFactory().get("/auth/second-factor/", headers={"host": host}, secure=https)
    assert passkeys.passkeys_work({"request": request}) is works


def test_the_page_points_from_a_bare_number_to_localhost(alice: User) -> None:
    client = flows.signed_in(alice)
    page = client.get(reverse("mfa_index"), headers={"host": "127.0.0.1:8000"})
    assert b"http://localhost:8000/auth/second-factor/" in page.content
    assert b"passkeys-elsewhere" not in client.get(reverse("mfa_index"), secure=True).content
