from datetime import timedelta

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import services
from accounts.models import Consent, FaceTemplate, SignIn, User
from accounts.tests import flows
from liveness.models import Attempt, Evidence
from liveness.tests.fakes import ALICE, MALLORY, FakeEngine, ended_attempt, spoof


def refused_attempt(user: User | None) -> Attempt:
    return ended_attempt(FakeEngine(spoof()), claimed="alice", user=user)


def nothing_of_the_face_is_left() -> bool:
    left = [FaceTemplate.objects.exists(), Evidence.objects.exists(), Attempt.objects.exists()]
    return not any(left)


def test_deleting_the_face_erases_template_attempts_and_pictures(alice_with_face: User) -> None:
    refused_attempt(alice_with_face)
    assert Evidence.objects.exists()
    client = flows.signed_in(alice_with_face)
    assert client.get(reverse("accounts:delete_face")).status_code == 200
    assert alice_with_face.has_face
    client.post(reverse("accounts:delete_face"))
    assert nothing_of_the_face_is_left()
    assert services.consent_of(alice_with_face) is not None


def test_withdrawing_consent_erases_the_same_and_ends_the_consent(alice_with_face: User) -> None:
    refused_attempt(alice_with_face)
    flows.signed_in(alice_with_face).post(reverse("accounts:withdraw_consent"))
    assert nothing_of_the_face_is_left()
    assert services.consent_of(alice_with_face) is None
    assert not Consent.objects.filter(withdrawn=None).exists()


def test_withdrawn_consent_takes_the_permission_to_train_along(alice: User) -> None:
    services.give_consent(user=alice, training=True)
    services.withdraw_consent(user=alice)
    assert not services.may_train(alice)


def test_deleting_the_account_leaves_nothing(alice_with_face: User) -> None:
    refused_attempt(alice_with_face)
    client = flows.signed_in(alice_with_face)
    response = client.post(reverse("accounts:delete_account"), {"username": "alice"}, follow=True)
    assert response.redirect_chain[-1][0] == reverse("home")
    assert not flows.is_signed_in(client)
    assert nothing_of_the_face_is_left()
    assert not User.objects.exists()
    assert not Consent.objects.exists()
    assert not SignIn.objects.exists()


def test_an_account_is_not_deleted_by_accident(alice: User) -> None:
    client = flows.signed_in(alice)
    client.get(reverse("accounts:delete_account"))
    page = client.post(reverse("accounts:delete_account"), {"username": "alicia"})
    assert b"This is not your username." in page.content
    assert User.objects.filter(pk=alice.pk).exists()


def test_erasure_leaves_other_people_alone(alice_with_face: User) -> None:
    berta = User.objects.create_user("berta")
    flows.enrol(berta, MALLORY)
    services.withdraw_consent(user=alice_with_face)
    assert FaceTemplate.objects.get().user == berta
    assert Attempt.objects.filter(user=berta).exists()


def test_a_deleted_face_signs_nobody_in(alice_with_face: User) -> None:
    services.delete_face(user=alice_with_face)
    assert flows.sign_in(Client(), "alice", ALICE).status_code == 403


def test_a_face_that_nobody_used_for_three_years_is_deleted(alice_with_face: User) -> None:
    now = timezone.now()
    assert services.delete_unused_faces(now + timedelta(days=3 * 365 - 1)) == 0
    assert services.delete_unused_faces(now + timedelta(days=3 * 365 + 1)) == 1
    assert not alice_with_face.has_face


def test_signing_in_with_the_face_renews_its_use(alice_with_face: User) -> None:
    FaceTemplate.objects.update(last_used=timezone.now() - timedelta(days=1000))
    flows.sign_in(Client(), "alice")
    assert FaceTemplate.objects.get().last_used > timezone.now() - timedelta(minutes=1)


def test_the_record_of_sign_ins_is_kept_as_long_as_attempts_are(alice: User) -> None:
    services.record_sign_in(user=alice, way="password", client="")
    SignIn.objects.update(at=timezone.now() - timedelta(days=91))
    services.record_sign_in(user=alice, way="password", client="")
    assert SignIn.objects.count() == 1
