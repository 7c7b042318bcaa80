"""Pictures of successful attempts stay only with a consent that says so, and go with it."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts import services
from accounts.consent import Purpose
from accounts.models import Consent, User
from accounts.tests import flows
from liveness.models import Attempt, Evidence
from liveness.tests.fakes import ALICE


@pytest.fixture(autouse=True)
def _everything_is_sampled(settings: Settings) -> None:
    settings.LIVEGATE_SAMPLE_BONA_FIDE = 1.0


@pytest.fixture
def sampled(alice: User) -> User:
    """Alice agreed to training, enrolled and signed in; both attempts are kept as samples."""
    services.give_consent(user=alice, training=True)
    flows.enrol(alice, ALICE)
    assert flows.is_signed_in(_signed_in_by_face())
    assert Attempt.objects.filter(sampled=True, evidence__isnull=False).distinct().count() == 2
    return alice


def _signed_in_by_face() -> Client:
    client = Client()
    flows.sign_in(client, "alice")
    return client


def test_without_the_permission_to_train_nothing_is_sampled(alice_with_face: User) -> None:
    _signed_in_by_face()
    assert not Evidence.objects.exists()


def test_an_older_text_did_not_speak_of_samples(alice: User) -> None:
    services.give_consent(user=alice, training=True)
    Consent.objects.update(version="2026-1")
    flows.enrol(alice, ALICE)
    assert services.may_train(alice)
    assert not Evidence.objects.exists()


def test_taking_the_permission_to_train_back_erases_the_samples(sampled: User) -> None:
    services.take_back(user=sampled, purpose=Purpose.TRAINING)
    assert not Evidence.objects.exists()
    assert not Attempt.objects.filter(sampled=True).exists()
    assert sampled.has_face


def test_taking_the_permission_to_keep_pictures_back_erases_the_samples_too(sampled: User) -> None:
    services.take_back(user=sampled, purpose=Purpose.EVIDENCE)
    assert not Evidence.objects.exists()
    assert sampled.has_face


def test_without_the_permission_to_keep_pictures_nothing_is_sampled(alice: User) -> None:
    services.give_consent(user=alice, evidence=False, training=True)
    flows.enrol(alice, ALICE)
    _signed_in_by_face()
    assert not Evidence.objects.exists()


def test_withdrawing_consent_erases_the_samples(sampled: User) -> None:
    services.withdraw_consent(user=sampled)
    assert not Evidence.objects.exists()
    assert not Attempt.objects.exists()


def test_giving_the_permission_again_keeps_the_samples(sampled: User) -> None:
    services.agree(user=sampled, purpose=Purpose.TRAINING)
    assert Evidence.objects.exists()
