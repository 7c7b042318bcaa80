from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.test import Client
from pytest_django import Settings

from liveness import registry
from liveness.models import ModelVersion
from liveness.tests.bundles import make_bundle
from liveness.tests.fakes import FakeEngine, ended_attempt, passed_attempt, spoof

pytestmark = pytest.mark.django_db


@pytest.fixture
def models(tmp_path: Path, settings: Settings) -> tuple[ModelVersion, ModelVersion]:
    """The active default, and a candidate."""
    make_bundle(tmp_path / "one", 0.9)
    make_bundle(tmp_path / "two", 0.8)
    settings.LIVENESS_BUNDLE = str(tmp_path / "one")
    settings.LIVEGATE_GATE_REQUIRED = False
    settings.VAR = tmp_path
    active = registry.ensure_bundled_model()
    return active, registry.register_model(folder=tmp_path / "two")


def _act(admin_client: Client, action: str, *models: ModelVersion) -> str:
    body = {"action": action, "_selected_action": [model.pk for model in models]}
    response = admin_client.post("/admin/liveness/modelversion/", body, follow=True)
    return response.content.decode()


def test_attempts_are_listed_with_a_link_to_their_review(admin_client: Client) -> None:
    attempt = ended_attempt(FakeEngine(spoof()), claimed="ada")
    text = admin_client.get("/admin/liveness/attempt/").content.decode()
    assert f'href="/review/{attempt.pk}/"' in text


def test_an_attempt_can_be_read_but_not_written(admin_client: Client) -> None:
    attempt = passed_attempt()
    address = f"/admin/liveness/attempt/{attempt.pk}/"
    text = admin_client.get(f"{address}change/").content.decode()
    assert str(attempt.pk) in text
    assert attempt.session_digest not in text
    assert admin_client.post(f"{address}change/", {"state": "claimed"}).status_code == 403
    assert admin_client.post(f"{address}delete/", {"post": "yes"}).status_code == 403
    assert admin_client.get("/admin/liveness/attempt/add/").status_code == 403


def test_a_candidate_is_promoted(
    admin_client: Client, models: tuple[ModelVersion, ModelVersion]
) -> None:
    active, candidate = models
    assert "judges from the next attempt on" in _act(admin_client, "promote", candidate)
    assert ModelVersion.objects.get(state="active") == candidate
    assert "judges from the next attempt on" in _act(admin_client, "roll_back", candidate)
    assert ModelVersion.objects.get(state="active") == active


def test_only_one_model_is_promoted(
    admin_client: Client, models: tuple[ModelVersion, ModelVersion]
) -> None:
    assert "Select exactly one model" in _act(admin_client, "promote", *models)


def test_a_damaged_candidate_is_refused_in_words(
    admin_client: Client, models: tuple[ModelVersion, ModelVersion]
) -> None:
    stored = Path(storages["bundles"].path(models[1].location))
    (stored / "model.onnx").write_bytes(b"damaged")
    assert "Nothing was changed" in _act(admin_client, "promote", models[1])
    assert ModelVersion.objects.get(state="active") == models[0]
