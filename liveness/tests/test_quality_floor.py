from typing import Any

import pytest
from django.test import Client

from liveness import reviewing
from liveness.engine.quality import Quality
from liveness.models import Attempt, Review
from liveness.tests.fakes import FakeEngine, ended_attempt, spoof, unclear

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "reason", [Quality.BLURRED, Quality.TOO_DARK, Quality.TOO_FAR, Quality.NO_FACE]
)
def test_pictures_below_the_floor_can_only_be_called_unusable(reason: Quality) -> None:
    attempt = ended_attempt(FakeEngine(unclear(reason)))
    for label in ("live", "print", "screen", "mask"):
        with pytest.raises(reviewing.BelowFloor, match="quality floor"):
            reviewing.review_attempt(attempt=attempt, reviewer=None, label=label)
    reviewing.review_attempt(attempt=attempt, reviewer=None, label="unusable")
    assert Attempt.objects.get().label == "unusable"
    assert Review.objects.count() == 1


def test_one_picture_above_the_floor_is_enough() -> None:
    attempt = ended_attempt(FakeEngine([unclear(Quality.NOT_FRONTAL), unclear(Quality.TOO_DARK)]))
    reviewing.review_attempt(attempt=attempt, reviewer=None, label="screen")


def test_an_attempt_without_pictures_can_only_be_called_unusable() -> None:
    attempt = ended_attempt(FakeEngine(spoof()))
    attempt.evidence.all().delete()
    with pytest.raises(reviewing.BelowFloor, match="No picture"):
        reviewing.review_attempt(attempt=attempt, reviewer=None, label="screen")


def test_the_page_says_why_and_offers_nothing_else(client: Client, reviewer: Any) -> None:
    attempt = ended_attempt(FakeEngine(unclear(Quality.BLURRED, Quality.TOO_FAR)))
    client.force_login(reviewer)
    page = client.get(attempt.get_absolute_url()).content.decode()
    assert "below the quality floor" in page
    assert "face too far away" in page
    assert 'data-test="review-label-unusable"' in page
    assert 'data-test="review-label-live"' not in page


def test_the_doors_refuse_what_the_page_does_not_offer(client: Client, reviewer: Any) -> None:
    attempt = ended_attempt(FakeEngine(unclear(Quality.BLURRED)))
    client.force_login(reviewer)
    for address in (f"/review/{attempt.pk}/label/", f"/api/v1/attempts/{attempt.pk}/label/"):
        assert client.post(address, {"label": "live"}).status_code == 400
    assert not Review.objects.exists()
