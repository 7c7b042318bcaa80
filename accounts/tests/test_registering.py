import pytest
from django.test import Client
from django.urls import reverse

from accounts import services
from accounts.models import Consent, FaceTemplate, User
from accounts.tests import flows
from liveness.engine.faces import Embedding
from liveness.models import Attempt
from liveness.services import claim_attempt
from liveness.tests.fakes import ALICE, MALLORY, SESSION, passed_attempt

SIGN_UP = {
    "username": "berta",
    "email": "berta@example.org",
    "password1": flows.PASSWORD,
    "password2": flows.PASSWORD,
}


@pytest.mark.django_db
def test_registering_leads_over_the_consent_to_the_camera_to_a_face() -> None:
    client = Client()
    page = client.post(reverse("account_signup"), SIGN_UP, follow=True)
    assert page.redirect_chain[-1][0] == reverse("accounts:consent")
    page = client.post(reverse("accounts:consent"), {"face": "on"}, follow=True)
    assert page.redirect_chain[-1][0] == reverse("accounts:enrol_capture")
    attempt = flows.look_into_camera(client, page)
    done = client.post(reverse("accounts:enrol_finish"), {"attempt": attempt.pk}, follow=True)
    assert b'data-test="enrolled"' in done.content
    assert User.objects.get(username="berta").has_face


@pytest.mark.django_db
def test_registering_without_a_face_gives_a_full_account() -> None:
    client = Client()
    client.post(reverse("account_signup"), SIGN_UP)
    page = client.get(reverse("accounts:overview"))
    assert page.status_code == 200
    assert b'data-face="no"' in page.content


def test_nothing_on_the_consent_page_is_ticked_in_advance(alice: User) -> None:
    page = flows.signed_in(alice).get(reverse("accounts:consent"))
    assert b'name="face"' in page.content
    assert b'name="training"' in page.content
    assert b"checked" not in page.content


def test_consent_without_its_tick_is_no_consent(alice: User) -> None:
    client = flows.signed_in(alice)
    page = client.post(reverse("accounts:consent"), {"training": "on"})
    assert page.status_code == 200
    assert not Consent.objects.exists()


def test_the_permission_to_train_is_separate(alice: User) -> None:
    client = flows.signed_in(alice)
    client.post(reverse("accounts:consent"), {"face": "on"})
    assert not services.may_train(alice)
    client.post(reverse("accounts:consent"), {"face": "on", "training": "on"})
    assert services.may_train(alice)


def test_the_camera_page_sends_a_person_without_consent_to_the_consent_page(alice: User) -> None:
    response = flows.signed_in(alice).get(reverse("accounts:enrol_capture"))
    assert response["Location"] == reverse("accounts:consent")
    assert not Attempt.objects.exists()


def test_no_face_is_enrolled_without_consent(alice: User) -> None:
    attempt = passed_attempt(purpose="enrol", user=alice)
    with pytest.raises(services.ConsentMissing):
        services.enrol(user=alice, attempt_id=attempt.pk, session_key=SESSION)
    assert not alice.has_face


def test_an_older_version_of_the_consent_is_asked_for_again(at_home: Client) -> None:
    Consent.objects.update(version="2020-1")
    response = at_home.get(reverse("accounts:enrol_capture"))
    assert response["Location"] == reverse("accounts:consent")


def test_enrolling_again_replaces_the_face(alice: User) -> None:
    first = flows.enrol(alice, ALICE)
    second = flows.enrol(alice, MALLORY)
    assert FaceTemplate.objects.count() == 1
    assert bytes(first.sealed) != bytes(second.sealed)
    assert not flows.is_signed_in(_after_sign_in("alice", ALICE))
    assert flows.is_signed_in(_after_sign_in("alice", MALLORY))


def test_the_attempt_of_another_account_enrols_nobody(alice: User) -> None:
    berta = User.objects.create_user("berta")
    services.give_consent(user=alice)
    attempt = passed_attempt(purpose="enrol", user=berta)
    with pytest.raises(services.NotYours):
        services.enrol(user=alice, attempt_id=attempt.pk, session_key=SESSION)
    assert not FaceTemplate.objects.exists()


def test_a_sign_in_attempt_enrols_nobody(at_home: Client, alice: User) -> None:
    key = at_home.session.session_key or ""
    attempt = passed_attempt(purpose="signin", session_key=key, user=alice)
    at_home.post(reverse("accounts:enrol_finish"), {"attempt": attempt.pk})
    assert not alice.has_face


def test_an_attempt_enrols_once(at_home: Client, alice: User) -> None:
    key = at_home.session.session_key or ""
    attempt = passed_attempt(purpose="enrol", session_key=key, user=alice)
    claim_attempt(attempt_id=attempt.pk, session_key=key, purpose="enrol")
    page = at_home.post(reverse("accounts:enrol_finish"), {"attempt": attempt.pk}, follow=True)
    assert b"can no longer be used" in page.content
    assert not alice.has_face


def _after_sign_in(name: str, embedding: Embedding) -> Client:
    client = Client()
    flows.sign_in(client, name, embedding)
    return client
