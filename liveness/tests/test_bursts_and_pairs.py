"""Several pictures, one verdict; two pictures, one person; and never a comparison before liveness."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from liveness.tests.fakes import (
    ALICE,
    MALLORY,
    THRESHOLD,
    FakeEngine,
    jpeg,
    live,
    serving,
    spoof,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(client: Client, reviewer: Any) -> Client:
    client.force_login(reviewer)
    return client


def _doubtful() -> FakeEngine:
    """Every picture lies inside the band of its model, above the threshold."""
    engine = FakeEngine(live(THRESHOLD + 0.05), [ALICE])
    known = engine.model.bundle.threshold
    engine.model.bundle = replace(
        engine.model.bundle, threshold=replace(known, band=(THRESHOLD, THRESHOLD + 0.1))
    )
    return engine


def _picture(data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile("face.jpg", jpeg() if data is None else data)


def _burst(api: Client, engine: Any, count: int = 3) -> Any:
    with serving(engine):
        return api.post("/api/v1/check/burst/", {"images": [_picture() for _ in range(count)]})


def _pair(api: Client, engine: Any, reference: bytes | None = None) -> Any:
    with serving(engine):
        body = {"probe": _picture(), "reference": _picture(reference)}
        return api.post("/api/v1/check/pair/", body)


def test_one_spoofed_picture_of_three_is_not_outvoted_by_its_best(api: Client) -> None:
    assert _burst(api, FakeEngine(live())).json()["verdict"] == "live"
    mixed = _burst(api, FakeEngine([live(), spoof(), spoof()])).json()
    assert (mixed["verdict"], mixed["judged"], len(mixed["pictures"])) == ("spoof", 3, 3)


def test_a_damaged_picture_is_named_by_its_place(api: Client) -> None:
    with serving(FakeEngine(live())):
        body = {"images": [_picture(), _picture(b"no picture")]}
        answer = api.post("/api/v1/check/burst/", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "images.1")
    assert _burst(api, FakeEngine(live()), 1).status_code == 400


def test_the_same_face_matches_and_another_does_not(api: Client) -> None:
    assert _pair(api, FakeEngine(live(), [ALICE])).json()["match"] is True
    assert _pair(api, FakeEngine(live(), [ALICE, MALLORY])).json()["match"] is False


def test_nothing_is_compared_before_the_probe_is_live(api: Client) -> None:
    answer = _pair(api, FakeEngine(spoof(), [ALICE])).json()
    assert (answer["match"], answer["similarity"], answer["reason"]) == (None, None, "spoof")


def test_a_probe_of_which_the_model_cannot_tell_is_not_compared(api: Client) -> None:
    engine = _doubtful()
    answer = _pair(api, engine).json()
    assert (answer["match"], answer["reason"], answer["probe"]["verdict"]) == (
        *(None, "undecided"),
        "abstain",
    )
    assert engine.embedded == 0


def test_a_burst_of_doubtful_pictures_was_judged_and_stays_undecided(api: Client) -> None:
    answer = _burst(api, _doubtful()).json()
    assert (answer["verdict"], answer["reason"], answer["judged"]) == ("abstain", "undecided", 3)
    assert answer["pooled"] == pytest.approx(THRESHOLD + 0.05, abs=1e-3)
