import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from accounts import matching, services
from accounts.models import FaceTemplate, User
from accounts.tests import flows
from liveness.engine.faces import Embedding
from liveness.tests.fakes import ALICE, MALLORY, person


@pytest.fixture
def one_account(settings: Settings) -> None:
    settings.LIVEGATE_ONE_FACE_ONE_ACCOUNT = True


@pytest.fixture
def berta(db: None) -> User:
    return User.objects.create_user("berta", "berta@example.org", flows.PASSWORD)


def set_up(user: User, embedding: Embedding) -> str:
    """Through the pages; what the person reads afterwards."""
    services.give_consent(user=user)
    client = flows.signed_in(user)
    page = client.get(reverse("accounts:enrol_capture"))
    attempt = flows.look_into_camera(client, page, embedding)
    done = client.post(reverse("accounts:enrol_finish"), {"attempt": attempt.pk}, follow=True)
    return str(done.content.decode())


def test_a_face_that_another_account_has_is_refused_without_saying_whose(
    alice_with_face: User, berta: User, one_account: None
) -> None:
    page = set_up(berta, ALICE)
    assert "each face opens one account" in page
    assert "alice" not in page
    assert not berta.has_face
    assert FaceTemplate.objects.count() == 1


def test_the_log_does_not_say_whose_either(
    alice_with_face: User, berta: User, one_account: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "livegate.auth")
    set_up(berta, ALICE)
    line = next(r.getMessage() for r in caplog.records if "face_in_use" in r.getMessage())
    assert f"user={berta.pk}" in line
    assert f"user={alice_with_face.pk}" not in line
    assert "alice" not in line


def test_every_template_is_compared_whatever_was_found(
    alice_with_face: User, berta: User, one_account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopping at the first one would tell by the time how old the other account is."""
    for number in range(3):
        flows.enrol(User.objects.create_user(f"person-{number}"), person(100 + number))
    compared: list[int] = []
    real = matching._similarity

    def noted(template: FaceTemplate, embedding: Embedding) -> float:
        compared.append(template.user_id)
        return real(template, embedding)

    monkeypatch.setattr(matching, "_similarity", noted)
    with pytest.raises(services.FaceInUse):
        flows.enrol(berta, ALICE)
    assert sorted(compared) == sorted(
        User.objects.exclude(pk=berta.pk).values_list("pk", flat=True)
    )


def test_another_face_is_welcome(alice_with_face: User, berta: User, one_account: None) -> None:
    set_up(berta, MALLORY)
    assert berta.has_face


def test_ones_own_face_may_be_set_up_again(alice_with_face: User, one_account: None) -> None:
    flows.enrol(alice_with_face, ALICE)
    assert alice_with_face.has_face


def test_after_the_other_account_is_deleted_the_face_is_free(
    alice_with_face: User, berta: User, one_account: None
) -> None:
    services.delete_account(user=alice_with_face)
    flows.enrol(berta, ALICE)
    assert berta.has_face


def test_an_unreadable_template_refuses_nobody(
    alice_with_face: User, berta: User, one_account: None
) -> None:
    FaceTemplate.objects.update(sealed=b"damaged")
    flows.enrol(berta, ALICE)
    assert berta.has_face


def test_by_default_nobody_is_compared_with_anybody(alice_with_face: User, berta: User) -> None:
    flows.enrol(berta, ALICE)
    assert berta.has_face
    assert not flows.is_signed_in(Client())
