import re

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse
from django.views.csrf import csrf_failure

from accounts.models import User
from accounts.tests import flows

PUBLIC = [
    "home",
    "account_login",
    "account_signup",
    "account_reset_password",
    "accounts:signin_face",
]
PRIVATE = [
    "accounts:overview",
    "accounts:consent",
    "accounts:consents",
    "accounts:data",
    "accounts:delete_face",
    "accounts:withdraw_consent",
    "accounts:delete_account",
    "account_email",
    "account_change_password",
    "account_logout",
    "account_reauthenticate",
]


def check_page(body: str) -> None:
    """One heading, our own frame, every field labelled, nothing that the CSP would drop."""
    assert "css/livegate.css" in body
    assert len(re.findall(r"<h1\b", body)) == 1
    assert not re.search(r"<[^>]+\s(style|on\w+)=", body)
    assert not re.search(r"<script(?![^>]*(\bsrc=|application/json))", body)
    for field in re.findall(r"<input\b[^>]*>", body):
        kind = re.search(r'type="(\w+)"', field)
        name = re.search(r'\bid="([^"]+)"', field)
        if kind and kind[1] not in ("hidden", "submit"):
            assert name, field
            assert f'for="{name[1]}"' in body, field


@pytest.mark.django_db
@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_page_is_whole(name: str) -> None:
    response = Client().get(reverse(name))
    assert response.status_code == 200
    check_page(response.content.decode())


@pytest.mark.parametrize("name", PRIVATE)
def test_a_private_page_is_whole(name: str, alice_with_face: User) -> None:
    response = flows.signed_in(alice_with_face).get(reverse(name))
    assert response.status_code == 200
    check_page(response.content.decode())


@pytest.mark.django_db
def test_an_address_that_leads_nowhere_gets_our_own_page() -> None:
    response = Client().get("/nowhere/")
    assert response.status_code == 404
    check_page(response.content.decode())


@pytest.mark.django_db
def test_a_form_without_its_token_gets_our_own_page() -> None:
    response = csrf_failure(RequestFactory().post("/"), reason="missing")
    assert response.status_code == 403
    check_page(response.content.decode())


@pytest.mark.django_db
def test_a_failure_gets_our_own_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("accounts.history.recent", lambda user: 1 / 0)
    client = Client(raise_request_exception=False)
    client.force_login(
        User.objects.create_user("alice"), "django.contrib.auth.backends.ModelBackend"
    )
    response = client.get(reverse("accounts:overview"))
    assert response.status_code == 500
    check_page(response.content.decode())


def test_the_home_page_leads_a_signed_in_person_to_the_account(alice: User) -> None:
    page = flows.signed_in(alice).get(reverse("home"))
    assert b'data-test="home-account"' in page.content
    assert b'data-test="nav-signout"' in page.content


def test_the_review_queue_is_offered_to_reviewers_alone(alice: User) -> None:
    client = flows.signed_in(alice)
    assert b'data-test="nav-review"' not in client.get(reverse("home")).content
    User.objects.update(is_staff=True, is_superuser=True)
    assert b'data-test="nav-review"' in client.get(reverse("home")).content
