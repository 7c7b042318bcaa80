"""Bona fide attempts that are kept for review, and how they go again."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from liveness import queue, sampling, services
from liveness.models import Attempt
from liveness.tests.fakes import SESSION, passed_attempt

pytestmark = pytest.mark.django_db

_WILLING = {"ada"}


def willing(user: Any) -> bool:
    """Stands in for the consent of the portal."""
    return user.get_username() in _WILLING


@pytest.fixture(autouse=True)
def _everybody_who_agrees(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LIVEGATE_SAMPLE_BONA_FIDE = 1.0
    settings.LIVEGATE_MAY_SAMPLE = f"{__name__}.willing"
    monkeypatch.setattr(f"{__name__}._WILLING", {"ada"})


@pytest.fixture
def ada(db: None) -> Any:
    return get_user_model().objects.create_user("ada")


def _signed_in(user: Any, matched: bool = True) -> Attempt:
    attempt = passed_attempt(user=user)
    claimed, _ = services.claim_attempt(
        attempt_id=attempt.pk, session_key=SESSION, purpose="signin"
    )
    return services.record_match(attempt=claimed, matched=matched)


def test_a_sampled_sign_in_keeps_its_pictures_and_waits_for_review(
    ada: Any, client: Client, reviewer: Any
) -> None:
    attempt = _signed_in(ada)
    services.purge(timezone.now() + timedelta(minutes=5))
    assert attempt.evidence.exists()
    assert list(queue.find(queue.Filters(state=queue.SAMPLED))) == [attempt]
    assert list(queue.find(queue.Filters())) == []
    client.force_login(reviewer)
    assert "1 sampled bona fide attempt" in client.get("/review/").content.decode()


def test_a_sampled_enrolment_keeps_its_pictures(ada: Any) -> None:
    attempt = passed_attempt(purpose="enrol", user=ada)
    services.claim_attempt(attempt_id=attempt.pk, session_key=SESSION, purpose="enrol")
    assert Attempt.objects.get().sampled
    assert attempt.evidence.exists()


def test_nobody_is_sampled_without_having_agreed() -> None:
    attempt = _signed_in(get_user_model().objects.create_user("bob"))
    assert not attempt.sampled
    assert not attempt.evidence.exists()


def test_somebody_without_an_account_is_never_sampled() -> None:
    assert not _signed_in(None).evidence.exists()


def test_without_anybody_to_ask_nothing_is_sampled(ada: Any, settings: Settings) -> None:
    settings.LIVEGATE_MAY_SAMPLE = ""
    assert not _signed_in(ada).evidence.exists()


def test_a_face_that_did_not_match_is_no_bona_fide_sample(ada: Any) -> None:
    assert not _signed_in(ada, matched=False).sampled


def test_about_the_share_is_sampled_that_was_asked_for(ada: Any, settings: Settings) -> None:
    settings.LIVEGATE_SAMPLE_BONA_FIDE = 0.25
    drawn = sum(sampling.drawn(ada) for _ in range(2000))
    assert 400 < drawn < 600
    settings.LIVEGATE_SAMPLE_BONA_FIDE = 0.0
    assert not any(sampling.drawn(ada) for _ in range(100))


def test_samples_go_after_the_days_of_evidence(ada: Any, settings: Settings) -> None:
    attempt = _signed_in(ada)
    settings.LIVENESS_ATTEMPT_DAYS = 90
    services.purge(timezone.now() + timedelta(days=31))
    assert not attempt.evidence.exists()


def test_erasing_samples_leaves_the_record_and_other_people(ada: Any) -> None:
    _WILLING.add("bob")
    attempt = _signed_in(ada)
    other = _signed_in(get_user_model().objects.create_user("bob"))
    assert services.erase_sampled(ada.pk) > 0
    attempt.refresh_from_db()
    assert (attempt.sampled, attempt.evidence.exists()) == (False, False)
    assert other.evidence.exists()


def test_the_purge_erases_samples_that_nobody_permits_any_more(ada: Any) -> None:
    attempt = _signed_in(ada)
    assert services.purge().evidence == 0
    _WILLING.clear()
    assert services.purge().evidence > 0
    assert not attempt.evidence.exists()
