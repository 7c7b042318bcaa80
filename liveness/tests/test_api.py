from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from liveness.api import CheckThrottle
from liveness.models import Attempt
from liveness.tests.fakes import FakeEngine, ended_attempt, jpeg, live, serving, spoof

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(client: Client, reviewer: Any) -> Client:
    client.force_login(reviewer)
    return client


def _check(api: Client, data: bytes) -> Any:
    return api.post("/api/v1/check/", {"image": SimpleUploadedFile("face.jpg", data)})


def test_only_reviewers_use_the_api(client: Client) -> None:
    attempt = ended_attempt(FakeEngine(spoof()))
    staff = get_user_model().objects.create_user("sam", is_staff=True)
    for user, refused in ((None, 401), (staff, 403)):
        if user:
            client.force_login(user)
        for address in ("attempts/", f"attempts/{attempt.pk}/"):
            assert client.get(f"/api/v1/{address}").status_code == refused
        assert client.post(f"/api/v1/attempts/{attempt.pk}/label/").status_code == refused
        assert _check(client, jpeg()).status_code == refused


def test_attempts_are_listed_without_secrets(api: Client) -> None:
    attempt = ended_attempt(FakeEngine([spoof(0.1), spoof(0.2)]), claimed="ada")
    listed = api.get("/api/v1/attempts/").json()
    assert listed["count"] == 1
    row = listed["results"][0]
    assert (row["id"], row["state"], row["claimed"]) == (str(attempt.pk), "failed", "ada")
    assert sorted(row["evidence"]) == ["best", "worst"]
    assert not {"secret", "session_digest"} & row.keys()
    assert api.get(f"/api/v1/attempts/{attempt.pk}/").json() == row


def test_a_filtered_list_is_the_review_queue(api: Client) -> None:
    ended_attempt(FakeEngine(live()))
    far, near = (ended_attempt(FakeEngine(spoof(p))) for p in (0.1, 0.6))
    rows = api.get("/api/v1/attempts/?label=none").json()["results"]
    assert [row["id"] for row in rows] == [str(near.pk), str(far.pk)]


def test_attempts_cannot_be_written_or_deleted(api: Client) -> None:
    attempt = ended_attempt(FakeEngine(spoof()))
    address = f"/api/v1/attempts/{attempt.pk}/"
    body = {"state": "passed"}
    assert api.patch(address, body, content_type="application/json").status_code == 405
    assert api.delete(address).status_code == 405
    assert api.post("/api/v1/attempts/", body).status_code == 405


def test_an_attempt_is_labelled_with_its_reviewer(api: Client, reviewer: Any) -> None:
    attempt = ended_attempt(FakeEngine(spoof()))
    response = api.post(f"/api/v1/attempts/{attempt.pk}/label/", {"label": "mask"})
    assert (response.status_code, response.json()["label"]) == (200, "mask")
    assert attempt.reviews.get().reviewer == reviewer


@pytest.mark.parametrize("body", [{}, {"label": ""}, {"label": "alien"}])
def test_an_unknown_label_is_refused(api: Client, body: dict[str, str]) -> None:
    attempt = ended_attempt(FakeEngine(spoof()))
    assert api.post(f"/api/v1/attempts/{attempt.pk}/label/", body).status_code == 400
    assert Attempt.objects.get().label == ""


def test_a_running_attempt_cannot_be_labelled(api: Client) -> None:
    attempt = Attempt.objects.create(purpose="signin", expires="2100-01-01T00:00Z")
    response = api.post(f"/api/v1/attempts/{attempt.pk}/label/", {"label": "live"})
    assert response.status_code == 400


def test_a_label_over_the_api_needs_a_csrf_token(reviewer: Any) -> None:
    attempt = ended_attempt(FakeEngine(spoof()))
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(reviewer)
    response = strict.post(f"/api/v1/attempts/{attempt.pk}/label/", {"label": "live"})
    assert response.status_code == 403


def test_one_picture_is_checked_and_not_stored(api: Client) -> None:
    with serving(FakeEngine(spoof(0.04))):
        response = _check(api, jpeg())
    assert response.status_code == 200
    assert response.json() == {
        "verdict": "spoof",
        "p_live": 0.04,
        "box": [100.0, 80.0, 120.0, 140.0],
        "reason": None,
        "model": "fake",
    }
    assert not Attempt.objects.exists()


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty"), (b"no picture", "not_an_image"), (jpeg()[:-90], "truncated")],
)
def test_a_damaged_picture_is_named_as_damaged(api: Client, data: bytes, reason: str) -> None:
    with serving(FakeEngine()):
        response = _check(api, data)
    assert response.status_code == 400
    (mistake,) = response.json()["errors"]
    assert (mistake["field"], mistake["code"]) == ("image", reason)


def test_a_check_without_a_picture_is_refused(api: Client) -> None:
    assert api.post("/api/v1/check/", {}).status_code == 400


def test_without_a_model_the_check_is_unavailable(api: Client, settings: Settings) -> None:
    settings.LIVENESS_BUNDLE = "/nowhere"
    assert _check(api, jpeg()).status_code == 503


def test_checks_are_throttled(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CheckThrottle, "rate", "2/min")
    with serving(FakeEngine()):
        assert [_check(api, jpeg()).status_code for _ in range(3)] == [200, 200, 429]


def test_the_api_is_documented(settings: Settings) -> None:
    text = (Path(settings.BASE_DIR) / "docs" / "api.md").read_text(encoding="utf-8")
    for address in ("attempts/", "attempts/<id>/label/", "attempts/undo/", "check/"):
        assert f"/api/v1/{address}" in text


def test_a_label_is_taken_back_over_the_api(api: Client) -> None:
    attempt = ended_attempt(FakeEngine(spoof()))
    labelled = api.post(f"/api/v1/attempts/{attempt.pk}/label/", {"label": "mask"}).json()
    assert (labelled["label"], labelled["given"]) == ("mask", "mask")
    response = api.post("/api/v1/attempts/undo/")
    assert (response.status_code, response.json()["id"]) == (200, str(attempt.pk))
    assert (response.json()["label"], response.json()["given"]) == ("", "")
    assert api.post("/api/v1/attempts/undo/").status_code == 409


def test_only_reviewers_take_labels_back_over_the_api(client: Client, reviewer: Any) -> None:
    assert client.post("/api/v1/attempts/undo/").status_code == 401
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(reviewer)
    assert strict.post("/api/v1/attempts/undo/").status_code == 403
