"""A site with people in front of its cameras, and reviewers who have labelled what they saw."""

from typing import Any

from django.contrib.auth import get_user_model
from django.utils.module_loading import import_string

from liveness import reviewing
from liveness.engine.crops import Box
from liveness.models import Attempt
from liveness.tests.fakes import FakeEngine, ended_attempt, spoof

FACE = Box(100, 80, 120, 140)
CAMERA = "Lobby Cam 320x240"


def person(name: str, training: bool = True) -> Any:
    user = get_user_model().objects.create_user(name)
    consent(user, training)
    return user


def consent(user: Any, training: bool) -> None:
    """Through the portal's own service, which this app may only call by its name."""
    import_string("accounts.services.give_consent")(user=user, training=training)


def labelled(user: Any, label: str = "screen", camera: str = CAMERA) -> Attempt:
    """A refused attempt with two full-size pictures, labelled by a reviewer."""
    attempt = ended_attempt(FakeEngine([spoof(0.3), spoof(0.1)]), user=user)
    Attempt.objects.filter(pk=attempt.pk).update(camera=camera)
    attempt.refresh_from_db()
    reviewing.review_attempt(attempt=attempt, reviewer=None, label=label)
    return attempt


def crowd(count: int = 10) -> list[Attempt]:
    """``count`` people with one bona fide attempt and one screen each."""
    people = [person(f"person-{n}") for n in range(count)]
    return [labelled(user, label) for user in people for label in ("live", "screen")]
