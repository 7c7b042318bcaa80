"""The models on pages and over REST: who may see and change them, and what they say."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import Settings

from liveness import registry, runtime
from liveness.models import Attempt, ModelVersion
from liveness.tests.bundles import make_bundle
from liveness.tests.fakes import FakeEngine, ended_attempt, live, spoof

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def champion(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> ModelVersion:
    make_bundle(tmp_path / "default", 0.9)
    settings.LIVENESS_BUNDLE = str(tmp_path / "default")
    settings.VAR = tmp_path / "var"
    return registry.ensure_bundled_model()


@pytest.fixture
def candidate(tmp_path: Path, champion: ModelVersion) -> ModelVersion:
    make_bundle(tmp_path / "better", 0.95)
    return registry.register_model(folder=tmp_path / "better", parent=champion)


@pytest.fixture
def proven(candidate: ModelVersion, champion: ModelVersion) -> ModelVersion:
    return registry.record_gate(
        model=candidate, champion=champion, passed=True, report={"reasons": []}
    )


@pytest.fixture
def page(client: Client) -> Client:
    client.force_login(_manager("mia"))
    return client


def _manager(name: str) -> Any:
    user = get_user_model().objects.create_user(name, is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="promote_model"))
    return user


def _text(page: Client, address: str) -> str:
    response = page.get(address, follow=True)
    assert response.status_code == 200, address
    return response.content.decode()


def _active() -> ModelVersion:
    return ModelVersion.objects.get(state="active")


def _opinion(attempt: Attempt, model: ModelVersion, champion: str, verdict: str) -> None:
    result = {"sha256": model.sha256, "champion": champion, "verdict": verdict, "pooled": 0.1}
    registry.note_shadow(attempt=attempt, result=result | {"dropped": 1, "failed": 0})


def test_pages_are_for_staff_with_the_permission(client: Client, candidate: ModelVersion) -> None:
    users = get_user_model().objects
    staff, permitted = users.create_user("sam", is_staff=True), users.create_user("pat")
    permitted.user_permissions.add(Permission.objects.get(codename="promote_model"))
    steps = ["", "promote/", "approve/", "shadow/", "disagreement/"]
    addresses = ["/models/", "/models/roll-back/", *(f"/models/{candidate.pk}/{s}" for s in steps)]
    for address in addresses:
        assert client.get(address).status_code == 302
    for user in (staff, permitted):
        client.force_login(user)
        for address in addresses:
            assert client.get(address).status_code == 403
        assert client.post(f"/models/{candidate.pk}/promote/").status_code == 403
        assert client.get("/api/v1/models/").status_code == 403
        assert client.post(f"/api/v1/models/{candidate.pk}/promote/").status_code == 403
    assert _active() != candidate


def test_the_list_shows_states_and_servers(page: Client, candidate: ModelVersion) -> None:
    registry.note_serving(replica="host:1", serving="", wanted="x", problem="it is damaged")
    text = _text(page, "/models/")
    assert "Judges now" in text
    assert "it is damaged" in text
    assert "not judged" in text


def test_a_site_without_models_says_so(page: Client) -> None:
    ModelVersion.objects.all().delete()
    text = _text(page, "/models/")
    assert "No model is active" in text
    assert "No model is on record yet" in text
    assert "no earlier model" in _text(page, "/models/roll-back/")


def test_the_page_says_when_the_gate_judged(page: Client, proven: ModelVersion) -> None:
    text = _text(page, f"/models/{proven.pk}/")
    assert f"{datetime.fromisoformat(proven.gate['at']):%Y, %H:%M}" in text
    assert proven.gate["at"] not in text


def test_a_candidate_outside_the_gate_cannot_be_promoted_from_its_page(
    page: Client, candidate: ModelVersion, champion: ModelVersion
) -> None:
    text = _text(page, f"/models/{candidate.pk}/")
    assert "has not been through the gate" in text
    assert f"/models/{candidate.pk}/promote/" not in text
    answer = page.post(f"/models/{candidate.pk}/promote/", follow=True).content.decode()
    assert "Nothing was changed" in answer
    assert _active() == champion


def test_asking_first_then_promoting_and_rolling_back(
    page: Client, proven: ModelVersion, champion: ModelVersion
) -> None:
    address = f"/models/{proven.pk}/promote/"
    assert "It judges from the next attempt on" in _text(page, address)
    assert _active() == champion
    assert "judges from the next attempt on" in page.post(address, follow=True).content.decode()
    assert _active() == proven
    assert champion.name in _text(page, "/models/roll-back/")
    page.post("/models/roll-back/")
    assert _active() == champion
    runtime.settle()


def test_a_post_without_a_token_is_refused(proven: ModelVersion, champion: ModelVersion) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(_manager("mia"))
    assert strict.post(f"/models/{proven.pk}/promote/").status_code == 403
    assert strict.post("/models/roll-back/").status_code == 403
    assert _active() == champion


def test_two_people_promote_together(
    page: Client, proven: ModelVersion, champion: ModelVersion, settings: Settings
) -> None:
    settings.LIVEGATE_SECOND_PERSON = True
    page.post(f"/models/{proven.pk}/promote/")
    assert "another person has to approve" in _text(page, f"/models/{proven.pk}/")
    page.post(f"/models/{proven.pk}/approve/")
    assert _active() == champion
    page.force_login(_manager("noa"))
    assert "you may approve" in _text(page, f"/models/{proven.pk}/")
    page.post(f"/models/{proven.pk}/approve/")
    assert _active() == proven
    runtime.settle()


def test_shadow_mode_is_started_and_stopped(page: Client, candidate: ModelVersion) -> None:
    page.post(f"/models/{candidate.pk}/shadow/")
    assert ModelVersion.objects.get(shadow=True) == candidate
    page.post("/models/stop-shadow/")
    assert not ModelVersion.objects.filter(shadow=True).exists()


def test_the_disagreements_are_counted_and_linked(page: Client, candidate: ModelVersion) -> None:
    passed, failed = ended_attempt(FakeEngine(live())), ended_attempt(FakeEngine(spoof()))
    _opinion(passed, candidate, "pass", "fail")
    _opinion(failed, candidate, "fail", "fail")
    _opinion(ended_attempt(FakeEngine(live())), candidate, "pass", "undecided")
    text = _text(page, f"/models/{candidate.pk}/disagreement/")
    assert "<strong>1</strong> of 2 attempts would have ended differently" in text
    assert passed.get_absolute_url() in text
    assert failed.get_absolute_url() not in text
    assert "1 attempt not compared" in text
    found = page.get(f"/api/v1/models/{candidate.pk}/shadow/").json()
    assert found["table"] == [
        {"champion": "pass", "pass": 0, "fail": 1},
        {"champion": "fail", "pass": 0, "fail": 1},
    ]


def test_before_any_attempt_the_shadow_page_is_empty(page: Client, candidate: ModelVersion) -> None:
    assert "not scored a whole attempt" in _text(page, f"/models/{candidate.pk}/disagreement/")


def test_notes_are_kept_and_escaped(page: Client, candidate: ModelVersion) -> None:
    page.post(f"/models/{candidate.pk}/notes/", {"notes": "<b>for the hall</b>"})
    assert "&lt;b&gt;for the hall" in _text(page, f"/models/{candidate.pk}/")


def test_an_unknown_step_or_model_is_not_found(page: Client, candidate: ModelVersion) -> None:
    assert page.get(f"/models/{candidate.pk}/dance/").status_code == 404
    assert page.get("/models/999/").status_code == 404
    assert page.get(f"/models/{candidate.pk}/roll-back/").status_code == 404


def test_the_api_lists_promotes_and_rolls_back(
    page: Client, proven: ModelVersion, champion: ModelVersion
) -> None:
    listed = page.get("/api/v1/models/").json()["results"]
    assert {row["sha256"] for row in listed} == {proven.sha256, champion.sha256}
    assert page.post(f"/api/v1/models/{proven.pk}/promote/").json()["state"] == "active"
    assert page.post("/api/v1/models/roll-back/").json()["id"] == champion.pk
    again = page.post("/api/v1/models/roll-back/")
    assert (again.status_code, "no earlier model" in again.json()["detail"]) == (409, True)


def test_the_api_refuses_in_words_and_asks_for_a_second_person(
    page: Client, proven: ModelVersion, settings: Settings
) -> None:
    settings.LIVEGATE_SECOND_PERSON = True
    assert page.post(f"/api/v1/models/{proven.pk}/promote/").status_code == 202
    refused = page.post(f"/api/v1/models/{proven.pk}/approve/")
    assert (refused.status_code, "another person" in refused.json()["detail"]) == (409, True)


def test_the_api_starts_and_stops_the_shadow(page: Client, candidate: ModelVersion) -> None:
    assert page.post(f"/api/v1/models/{candidate.pk}/shadow/").status_code == 200
    assert ModelVersion.objects.get(shadow=True) == candidate
    page.delete(f"/api/v1/models/{candidate.pk}/shadow/")
    assert not ModelVersion.objects.filter(shadow=True).exists()


def test_no_page_has_inline_scripts_or_styles(page: Client, proven: ModelVersion) -> None:
    for address in ("/models/", f"/models/{proven.pk}/", f"/models/{proven.pk}/promote/", "/gate/"):
        text = _text(page, address)
        assert "<script>" not in text
        assert "style=" not in text
