from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from training import services, tasks
from training.admin import NO_WORKER
from training.models import TrainingRun
from training.tests.synthetic import row, write_manifest

pytestmark = pytest.mark.django_db
LIST = "admin:training_trainingrun_changelist"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return write_manifest(tmp_path / "manifest.csv", [row("a.jpg", "a", True)])


@pytest.fixture
def run(manifest: Path) -> TrainingRun:
    return services.request_run(data=manifest, options={})


@pytest.fixture
def administrator(client: Client) -> Client:
    client.force_login(
        get_user_model().objects.create_superuser("root", "root@example.org", "pw"),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return client


@pytest.fixture
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    seen: list[int] = []
    monkeypatch.setattr(tasks.run_training, "delay", seen.append)
    return seen


def act(client: Client, action: str, run: TrainingRun) -> str:
    form = {"action": action, "_selected_action": [run.pk]}
    return client.post(reverse(LIST), form, follow=True).content.decode()


def test_without_a_worker_training_is_refused_with_a_way_out(
    administrator: Client, run: TrainingRun, enqueued: list[int], settings: Any
) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = True
    assert NO_WORKER in act(administrator, "train", run)
    assert enqueued == []


def test_training_is_enqueued_when_the_transaction_commits(
    administrator: Client,
    run: TrainingRun,
    enqueued: list[int],
    settings: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = False
    with django_capture_on_commit_callbacks(execute=False) as callbacks:
        act(administrator, "train", run)
    assert enqueued == []
    for callback in callbacks:
        callback()
    assert enqueued == [run.pk]


def test_a_run_that_is_not_queued_is_not_enqueued_again(
    administrator: Client, run: TrainingRun, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = False
    services.claim_run(run.pk)
    with django_capture_on_commit_callbacks(execute=False) as callbacks:
        assert "0 of 1 selected runs enqueued" in act(administrator, "train", run)
    assert callbacks == []


def test_a_run_is_requested_through_the_form(administrator: Client, manifest: Path) -> None:
    form = {"data": str(manifest), "options": '{"epochs": 2}'}
    administrator.post(reverse("admin:training_trainingrun_add"), form)
    made = TrainingRun.objects.get()
    assert (made.state, made.options["epochs"]) == ("queued", 2)
    assert str(made.requested_by) == "root"


def test_the_form_refuses_data_that_is_not_there(administrator: Client) -> None:
    form = {"data": "/nowhere/manifest.csv", "options": "{}"}
    page = administrator.post(reverse("admin:training_trainingrun_add"), form).content.decode()
    assert "/nowhere/manifest.csv" in page
    assert not TrainingRun.objects.exists()


def test_a_run_is_read_only(administrator: Client, run: TrainingRun) -> None:
    url = reverse("admin:training_trainingrun_change", args=[run.pk])
    assert run.data_digest in administrator.get(url).content.decode()
    assert administrator.post(url, {"data": "other"}).status_code == 403


def test_a_run_can_be_cancelled(administrator: Client, run: TrainingRun) -> None:
    act(administrator, "cancel", run)
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert "is cancelled, not queued or running" in act(administrator, "cancel", run)
