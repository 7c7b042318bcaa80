import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import SignIn, User
from accounts.tests import flows
from liveness.tests.fakes import ALICE, MALLORY


def test_the_password_opens_an_account_with_a_face(alice_with_face: User) -> None:
    assert flows.is_signed_in(flows.signed_in(alice_with_face))


@pytest.mark.usefixtures("alice_with_face")
def test_refused_faces_never_block_the_password(alice: User) -> None:
    for _ in range(12):
        page = flows.capture_page(Client(), "alice")
        if page.status_code != 200:
            break
        flows.sign_in(Client(), "alice", MALLORY)
    assert flows.is_signed_in(flows.signed_in(alice))


def test_the_email_address_works_as_a_name(alice: User) -> None:
    client = Client()
    data = {"login": "alice@example.org", "password": flows.PASSWORD}
    client.post(reverse("account_login"), data)
    assert flows.is_signed_in(client)


def test_the_sign_in_page_offers_both_ways(alice: User) -> None:
    page = Client().get(reverse("account_login") + "?next=/account/export/")
    assert b'data-test="use-face"' in page.content
    assert b"/signin/face/?next=%2Faccount%2Fexport%2F" in page.content


def test_every_way_in_is_on_the_record_of_the_person(alice_with_face: User) -> None:
    flows.signed_in(alice_with_face)
    flows.sign_in(Client(), "alice")
    assert sorted(SignIn.objects.values_list("way", flat=True)) == ["face", "password"]


def test_another_face_needs_the_password_first(at_home: Client, alice: User) -> None:
    """A person who signed in by face long after registering cannot change the face with it."""
    flows.enrol(alice, ALICE)
    User.objects.update(date_joined="2020-01-01T00:00:00Z")
    by_face = Client()
    flows.sign_in(by_face, "alice")
    response = by_face.get(reverse("accounts:enrol_capture"))
    assert response["Location"].startswith(reverse("account_reauthenticate"))
    page = by_face.post(response["Location"], {"password": flows.PASSWORD}, follow=True)
    assert page.redirect_chain[-1][0] == reverse("accounts:enrol_capture")
    assert page.status_code == 200
    assert at_home.get(reverse("accounts:enrol_capture")).status_code == 200


def test_deleting_the_account_needs_the_password_too(alice_with_face: User) -> None:
    User.objects.update(date_joined="2020-01-01T00:00:00Z")
    by_face = Client()
    flows.sign_in(by_face, "alice")
    response = by_face.post(reverse("accounts:delete_account"), {"username": "alice"})
    assert response["Location"].startswith(reverse("account_reauthenticate"))
    assert User.objects.filter(username="alice").exists()


@pytest.mark.django_db
def test_wrong_passwords_of_others_behind_the_same_proxy_shut_nobody_out(
    alice: User, settings: Settings
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(12):
        data = {"login": f"guess-{number}", "password": "wrong"}
        Client(headers={"X-Forwarded-For": "198.51.100.7"}).post(reverse("account_login"), data)
    mine = Client(headers={"X-Forwarded-For": "203.0.113.9"})
    mine.post(reverse("account_login"), {"login": "alice", "password": flows.PASSWORD})
    assert flows.is_signed_in(mine)
