"""From a registered candidate through the gate to a promotion: service, task, command, pages and REST."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from liveness import registry
from liveness.models import ModelVersion
from training import benchmarks, gate, proving, tasks_gate
from training.models import GateReport, TrainingRun
from training.tests.bright import BLIND, make_bright_bundle, make_manifest

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def champion(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> ModelVersion:
    make_bright_bundle(tmp_path / "default", name="champion")
    settings.LIVENESS_BUNDLE = str(tmp_path / "default")
    settings.VAR = tmp_path / "var"
    monkeypatch.setattr(gate, "YuNet", lambda: BLIND)
    return registry.ensure_bundled_model()


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return make_manifest(tmp_path / "frames")


@pytest.fixture
def benchmark(manifest: Path) -> Any:
    return benchmarks.freeze(name="webcams", manifest=manifest, split="dev")


@pytest.fixture
def good(tmp_path: Path) -> ModelVersion:
    make_bright_bundle(tmp_path / "good", gain=41.0, name="good")
    return registry.register_model(folder=tmp_path / "good")


@pytest.fixture
def flipped(tmp_path: Path) -> ModelVersion:
    make_bright_bundle(tmp_path / "flipped", gain=-40.0, name="flipped")
    return registry.register_model(folder=tmp_path / "flipped")


@pytest.fixture
def page(client: Client) -> Client:
    """A browser of somebody who may promote models."""
    user = get_user_model().objects.create_user("mia", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="promote_model"))
    client.force_login(user)
    return client


def _said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    call_command("models", *words)
    return capsys.readouterr().out


def test_a_good_candidate_goes_through_the_gate_and_is_promoted(
    good: ModelVersion, champion: ModelVersion, benchmark: Any
) -> None:
    tasks_gate.judge_candidate(good.pk)
    good.refresh_from_db()
    assert (good.gate["passed"], good.gate["champion"]) == (True, champion.sha256)
    assert registry.promote_model(model=good).state == "active"


def test_a_sabotaged_candidate_stays_outside(flipped: ModelVersion, benchmark: Any) -> None:
    report = proving.prove(flipped)
    assert not report.passed
    with pytest.raises(registry.GateError, match="APCER rises from"):
        registry.promote_model(model=flipped)
    assert bytes(report.plot).startswith(b"\x89PNG")


def test_without_a_benchmark_the_gate_refuses_and_says_how_to_freeze_one(
    good: ModelVersion,
) -> None:
    report = proving.prove(good)
    assert not report.passed
    assert "models freeze" in report.reasons[0]


def test_a_benchmark_that_changed_is_a_refusal(
    good: ModelVersion, benchmark: Any, manifest: Path
) -> None:
    (manifest.parent / "one-live-3.jpg").write_bytes(b"another picture")
    assert "changed since it was frozen" in proving.prove(good).reasons[0]


def test_the_champion_is_not_judged_against_itself(champion: ModelVersion, benchmark: Any) -> None:
    tasks_gate.judge_candidate(champion.pk)
    assert not GateReport.objects.exists()


def test_the_runs_own_dev_frames_are_judged_and_what_it_learnt_is_left_out(
    good: ModelVersion, manifest: Path
) -> None:
    benchmarks.freeze(name="everything", manifest=manifest)
    TrainingRun.objects.create(data=str(manifest), data_digest="d" * 64, model=good, state="done")
    proofs = proving.prove(good).report["proofs"]
    assert [proof["name"] for proof in proofs] == ["everything", "the run's own dev frames"]
    assert (proofs[0]["trained"], proofs[0]["bona_fide"], proofs[1]["bona_fide"]) == (120, 80, 80)


def test_the_command_walks_from_the_bundle_to_the_promotion_and_back(
    tmp_path: Path, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_bright_bundle(tmp_path / "new", gain=42.0, name="new")
    assert "is new, candidate" in _said(capsys, "register", str(tmp_path / "new"))
    sha = ModelVersion.objects.get(name="new").sha256[:10]
    with pytest.raises(CommandError, match="through the gate"):
        call_command("models", "promote", sha)
    with pytest.raises(CommandError, match="nothing to prove it on"):
        call_command("models", "gate", sha)
    said = _said(capsys, "freeze", "webcams", str(manifest), "--split", "dev")
    assert "80 bona fide, 160 attacks" in said
    assert "Passed." in _said(capsys, "gate", sha)
    assert "scores beside" in _said(capsys, "shadow", sha)
    assert json.loads(_said(capsys, "shadow", sha, "--show"))["n"] == 0
    assert "new judges from" in _said(capsys, "promote", sha)
    assert "champion judges from" in _said(capsys, "rollback")
    assert "passed" in _said(capsys, "list")
    assert "promoted" in _said(capsys, "show", sha)


def test_an_unknown_model_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="0 models begin with"):
        call_command("models", "show", "abcdef0123")


def test_the_report_page_shows_the_worst_first(
    page: Client, flipped: ModelVersion, benchmark: Any
) -> None:
    report = proving.prove(flipped)
    text = page.get(report.get_absolute_url()).content.decode()
    assert text.index("worse") < text.index("How this is decided")
    assert "APCER rises from" in text
    assert page.get(f"/gate/{report.pk}/plot.png")["Content-Type"] == "image/png"
    listed = page.get("/gate/").content.decode()
    assert "webcams" in listed
    assert "Refused" in listed


def test_the_gate_pages_are_for_those_who_may_promote(client: Client, good: ModelVersion) -> None:
    user = get_user_model().objects.create_user("sam", is_staff=True)
    report = proving.prove(good)
    addresses = ["/gate/", f"/gate/{report.pk}/", f"/gate/{report.pk}/plot.png"]
    for address in addresses:
        assert client.get(address).status_code == 302
    client.force_login(user)
    for address in addresses:
        assert client.get(address).status_code == 403
    assert client.post(f"/gate/models/{good.pk}/judge/").status_code == 403
    assert client.get("/api/v1/gate/benchmarks/").status_code == 403


def test_without_a_worker_page_and_api_say_so(page: Client, good: ModelVersion) -> None:
    response = page.post(f"/gate/models/{good.pk}/judge/")
    asked = page.post("/api/v1/gate/judge/", {"model": good.pk}, "application/json")
    assert asked.status_code == 503
    assert "start one" in page.get(response["Location"]).content.decode()


def test_with_a_worker_the_candidate_is_enqueued(
    page: Client,
    good: ModelVersion,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[Any] = []
    settings.CELERY_TASK_ALWAYS_EAGER = False
    monkeypatch.setattr(tasks_gate.judge_candidate, "delay", lambda *args: sent.append(args))
    page.post(f"/gate/models/{good.pk}/judge/")
    page.post("/api/v1/gate/judge/", {"model": good.pk}, "application/json")
    assert [args[0] for args in sent] == [good.pk, good.pk]


def test_the_api_freezes_a_registered_data_set_and_shows_a_report(
    page: Client, manifest: Path, good: ModelVersion, settings: Settings
) -> None:
    settings.LIVEGATE_DATA_SETS = {"webcams": str(manifest)}
    body = {"name": "dev", "data": "webcams", "split": "dev"}
    made = page.post("/api/v1/gate/benchmarks/", body, "application/json")
    assert (made.status_code, made.json()["counts"]["bona_fide"]) == (201, 80)
    other = page.post(
        "/api/v1/gate/benchmarks/", body | {"data": "/etc/passwd"}, "application/json"
    )
    assert other.status_code == 400
    again = page.post("/api/v1/gate/benchmarks/", body, "application/json")
    assert again.status_code == 400
    report = proving.prove(good)
    assert page.get(f"/api/v1/gate/reports/{report.pk}/").json()["passed"] is True
