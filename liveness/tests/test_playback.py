"""The small frames of an attempt: kept evenly, sealed, shown to reviewers, and never trained on."""

import io
import re
from typing import Any

import numpy as np
import pytest
from django.test import Client
from PIL import Image

from liveness import crypto, evidence, runtime, services
from liveness.engine import exhibits, frames
from liveness.engine.capture import Capture
from liveness.engine.quality import Quality
from liveness.engine.session import Verdict
from liveness.models import Attempt, Evidence
from liveness.tests.fakes import SESSION, FakeEngine, ended_attempt, jpeg, spoof, unclear

pytestmark = pytest.mark.django_db


def _sequence(attempt: Attempt) -> list[Evidence]:
    return list(attempt.evidence.filter(kind="sequence").order_by("at"))


def _captured(picture: bytes, every: float = 0.4) -> Attempt:
    _, ticket = services.open_attempt(purpose="signin", session_key=SESSION)
    attempt = services.start_attempt(ticket=ticket, session_key=SESSION)
    capture = Capture(FakeEngine(spoof()), runtime.rules_for("signin"), 0.43)
    for n in range(1000):
        decision = capture.add(picture, n * every)
        if decision.verdict is not Verdict.MORE:
            break
    return services.close_attempt(attempt=attempt, decision=decision, capture=capture)


def test_at_most_eight_frames_are_kept_from_the_first_to_the_last() -> None:
    attempt = ended_attempt(FakeEngine(unclear(Quality.TOO_DARK)))
    kept = [item.at for item in _sequence(attempt)]
    assert len(kept) == 8
    assert (kept[0], kept[-1]) == (attempt.frames[0]["at"], attempt.frames[-1]["at"])
    gaps = np.diff(kept)
    assert gaps.max() < 4 * gaps.min()


def test_frames_that_could_not_be_judged_are_played_too(client: Client, reviewer: Any) -> None:
    attempt = ended_attempt(FakeEngine([unclear(Quality.TOO_DARK), spoof(0.1)]))
    assert [item.p_live for item in _sequence(attempt)][:2] == [None, 0.1]
    client.force_login(reviewer)
    strip = client.get(attempt.get_absolute_url()).content.decode().split("strip")[1]
    assert "0.0 s: Too dark" in strip
    assert "0.4 s: 0.100" in strip


def test_kept_frames_are_small_and_their_boxes_fit() -> None:
    attempt = _captured(jpeg(640, 480))
    for item in _sequence(attempt):
        assert frames.decode(evidence.open_frame(item)).shape == (240, 320, 3)
        assert item.box == [50.0, 40.0, 60.0, 70.0]
    assert attempt.evidence.get(kind="worst").box == [100.0, 80.0, 120.0, 140.0]


def test_frames_at_the_same_moment_are_one() -> None:
    moments = {0.0: "first", 0.0004: "second"}
    _, ticket = services.open_attempt(purpose="signin", session_key=SESSION)
    attempt = services.start_attempt(ticket=ticket, session_key=SESSION)
    capture = Capture(FakeEngine(spoof()), runtime.rules_for("signin"), 0.43)
    for at in moments:
        capture.add(jpeg(), at)
    services.fail_attempt(attempt=attempt, reason="too_fast", capture=capture)
    assert len(_sequence(attempt)) == 1


def test_a_frame_cannot_be_passed_off_as_another_of_the_sequence() -> None:
    first, second, *_ = _sequence(ended_attempt(FakeEngine(spoof())))
    first.jpeg = second.jpeg
    with pytest.raises(crypto.SealError):
        evidence.open_frame(first)


def test_the_page_plays_them_and_the_network_s_crops_stay_of_full_size(
    client: Client, reviewer: Any
) -> None:
    attempt = _captured(jpeg(640, 480))
    client.force_login(reviewer)
    page = client.get(attempt.get_absolute_url()).content.decode()
    shown = re.findall(rf"/review/{attempt.pk}/playback/\d+\.jpg", page)
    assert len(shown) == len(_sequence(attempt)) == 6
    response = client.get(shown[0])
    assert Image.open(io.BytesIO(response.content)).size == (320, 240)
    assert "no-store" in response["Cache-Control"]
    worst = client.get(f"/review/{attempt.pk}/worst.jpg").content
    assert Image.open(io.BytesIO(worst)).size == (640, 480)


def test_a_frame_is_shown_under_its_own_attempt_and_to_reviewers_alone(
    client: Client, reviewer: Any
) -> None:
    mine, other = (ended_attempt(FakeEngine(spoof())) for _ in range(2))
    number = _sequence(mine)[0].pk
    assert client.get(f"/review/{mine.pk}/playback/{number}.jpg").status_code == 302
    client.force_login(reviewer)
    assert client.get(f"/review/{mine.pk}/playback/{number}.jpg").status_code == 200
    assert client.get(f"/review/{other.pk}/playback/{number}.jpg").status_code == 404
    assert client.get(f"/review/{mine.pk}/sequence.jpg").status_code == 404
    worst = mine.evidence.get(kind="worst").pk
    assert client.get(f"/review/{mine.pk}/playback/{worst}.jpg").status_code == 404


def test_a_small_picture_is_not_made_larger() -> None:
    small, scale = exhibits.small_jpeg(jpeg(160, 120), 320)
    assert (frames.decode(small).shape, scale) == ((120, 160, 3), 1.0)
