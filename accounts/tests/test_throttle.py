from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import throttle
from accounts.models import User
from accounts.tests import flows
from liveness.models import Attempt
from liveness.tests.fakes import MALLORY

pytestmark = pytest.mark.django_db


def failures(name: str, count: int, ago: float, user: User | None = None) -> None:
    then = timezone.now() - timedelta(seconds=ago)
    Attempt.objects.bulk_create(
        Attempt(
            purpose=Attempt.Purpose.SIGNIN,
            claimed=name,
            user=user,
            state=Attempt.State.FAILED,
            session_digest="0" * 64,
            created=then,
            closed=then,
            expires=then,
        )
        for _ in range(count)
    )


def test_nine_failures_do_not_slow_anybody_down() -> None:
    failures("alice", throttle.SLOW_AFTER - 1, ago=1)
    throttle.check("alice")


def test_after_ten_failures_there_is_a_wait_of_half_a_minute() -> None:
    failures("alice", throttle.SLOW_AFTER, ago=10)
    with pytest.raises(throttle.Throttled) as refusal:
        throttle.check("alice")
    assert refusal.value.seconds in (20, 21)


def test_after_the_wait_the_face_is_tried_again() -> None:
    failures("alice", throttle.SLOW_AFTER, ago=31)
    throttle.check("alice")


def test_after_a_hundred_failures_the_face_is_paused_however_long_ago_they_were() -> None:
    failures("alice", throttle.PAUSE_AFTER, ago=3600)
    with pytest.raises(throttle.Throttled) as refusal:
        throttle.check("alice")
    assert refusal.value.seconds is None


def test_a_password_sign_in_ends_the_pause(alice_with_face: User) -> None:
    failures("alice", throttle.PAUSE_AFTER, ago=1, user=alice_with_face)
    assert flows.capture_page(Client(), "alice").status_code == 429
    flows.signed_in(alice_with_face)
    assert flows.capture_page(Client(), "alice").status_code == 200


def test_failures_under_the_email_address_count_for_the_same_person(alice: User) -> None:
    failures("alice", 5, ago=1, user=alice)
    failures("alice@example.org", 5, ago=1, user=alice)
    with pytest.raises(throttle.Throttled):
        throttle.check("alice")


def test_a_name_of_nobody_is_slowed_down_with_the_same_page(alice: User) -> None:
    failures("alice", throttle.PAUSE_AFTER, ago=1, user=alice)
    failures("nobody", throttle.PAUSE_AFTER, ago=1)
    known, unknown = (flows.capture_page(Client(), name) for name in ("alice", "nobody"))
    assert known.status_code == unknown.status_code == 429
    assert known.content == unknown.content


def test_other_names_are_not_slowed_down() -> None:
    failures("alice", throttle.PAUSE_AFTER, ago=1)
    throttle.check("berta")


def test_a_wait_that_began_behind_the_camera_page_refuses_the_right_face(
    alice_with_face: User,
) -> None:
    """Browsers that opened the camera in advance get no tries beyond the tenth failure."""
    client = Client()
    page = flows.capture_page(client, "alice")
    failures("alice", throttle.SLOW_AFTER, ago=1, user=alice_with_face)
    attempt = flows.look_into_camera(client, page)
    assert flows.finish(client, attempt.pk).status_code == 403
    assert not flows.is_signed_in(client)


def test_refused_faces_are_counted(alice_with_face: User) -> None:
    for _ in range(throttle.SLOW_AFTER):
        flows.sign_in(Client(), "alice", MALLORY)
    page = flows.capture_page(Client(), "alice")
    assert page.status_code == 429
    assert 0 < int(page["Retry-After"]) <= 30
