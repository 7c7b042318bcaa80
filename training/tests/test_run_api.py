from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from training import services, tasks
from training.models import TrainingRun
from training.tests.site import crowd
from training.tests.synthetic import row, write_manifest

pytestmark = pytest.mark.django_db
RUNS = "/api/v1/training-runs/"
PLAN = {"base": ["webcams"], "recipe": "from-scratch", "options": {"epochs": 2}}
WORDS = ("--base", "webcams", "--recipe", "from-scratch")


@pytest.fixture(autouse=True)
def manifest(settings: Any, tmp_path: Path) -> Path:
    settings.VAR = tmp_path / "var"
    settings.LIVENESS_ATTEMPTS_PER_MINUTE = 1000
    rows = [row(f"{n}.jpg", "cam1", n % 2 == 0) for n in range(8)]
    manifest = write_manifest(tmp_path / "manifest.csv", rows)
    settings.LIVEGATE_DATA_SETS = {"webcams": str(manifest)}
    return manifest


@pytest.fixture
def signed_in() -> Callable[..., APIClient]:
    def sign_in(*names: str, staff: bool = True, root: bool = False) -> APIClient:
        user = get_user_model().objects.create_user("carol", is_staff=staff, is_superuser=root)
        codes = [f"{name}_trainingrun" for name in names]
        user.user_permissions.set(Permission.objects.filter(codename__in=codes))
        client = APIClient()
        client.force_authenticate(user)
        return client

    return sign_in


def test_a_program_previews_starts_watches_and_cancels(signed_in: Callable[..., APIClient]) -> None:
    crowd(2)
    client = signed_in("add", "view")
    seen = client.post(f"{RUNS}preview/", PLAN, format="json").json()
    assert (seen["attempts"], seen["people"], seen["errors"]) == (4, 2, [])
    made = client.post(RUNS, PLAN, format="json")
    assert made.status_code == 201
    url = f"{RUNS}{made.json()['id']}/"
    assert client.get(url).json()["log"] == ""
    assert len(client.get(url).json()["attempts"]) == 4
    assert [run["state"] for run in client.get(RUNS).json()["results"]] == ["queued"]
    assert client.post(f"{url}cancel/").json()["state"] == "cancelled"
    assert client.post(f"{url}cancel/").status_code == 409


@pytest.mark.parametrize("names", [(), ("view",)])
def test_without_the_permission_nothing_is_started(
    signed_in: Callable[..., APIClient], names: tuple[str, ...], manifest: Path
) -> None:
    run = services.request_run(data=manifest, options={})
    client = signed_in(*names)
    for url in (RUNS, f"{RUNS}preview/", f"{RUNS}{run.pk}/cancel/"):
        assert client.post(url, PLAN, format="json").status_code == 403
    assert client.get(RUNS).status_code == (200 if names else 403)
    assert APIClient().get(RUNS).status_code == 401
    assert TrainingRun.objects.get().state == "queued"


def test_only_a_superuser_may_name_files_of_the_training_machine(
    signed_in: Callable[..., APIClient], manifest: Path
) -> None:
    plan = {"paths": [str(manifest)], "recipe": "from-scratch"}
    client = signed_in("add", "view")
    for body in (plan, PLAN | {"options": {"views": "/"}}):
        answer = client.post(RUNS, body, format="json")
        assert answer.status_code == 400
        assert "Only a superuser" in str(answer.json())
    user = get_user_model().objects.get()
    user.is_superuser = True
    client.force_authenticate(user)
    assert client.post(RUNS, plan, format="json").status_code == 201


@pytest.mark.parametrize(
    "change", [{"base": ["x"]}, {"recipe": "magic"}, {"options": {"epochs": 0}}, {"since": "soon"}]
)
def test_a_plan_with_something_wrong_is_refused(
    signed_in: Callable[..., APIClient], change: dict[str, Any]
) -> None:
    client = signed_in("add", "view")
    assert client.post(RUNS, PLAN | change, format="json").status_code == 400
    assert not TrainingRun.objects.exists()


def said(*words: str) -> str:
    out = StringIO()
    call_command("training_runs", *words, stdout=out)
    return out.getvalue()


def test_a_person_at_a_terminal_has_the_same_steps(
    django_capture_on_commit_callbacks: Any,
) -> None:
    crowd(2)
    get_user_model().objects.create_user("carol")
    assert "4 reviewed attempts of 2 people, 1 of them" in said("preview", *WORDS)
    with django_capture_on_commit_callbacks(execute=True):
        words = said("start", *WORDS, "--by", "carol", "--options", '{"epochs": 2}')
    run = TrainingRun.objects.get()
    assert f"Training run {run.pk} is queued." in words
    assert (str(run.requested_by), run.options["epochs"]) == ("carol", 2)
    assert f"{run.pk}  queued" in said("list")
    assert "Waiting for a training worker" in said("show", str(run.pk))
    assert "is cancelled" in said("cancel", str(run.pk))
    with pytest.raises(CommandError, match="is cancelled, not queued"):
        said("cancel", str(run.pk))


def test_training_here_and_now_says_how_it_ended(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = services.request_run(data=manifest, options={})
    monkeypatch.setattr(tasks, "command", lambda run: ["false"])
    with pytest.raises(CommandError, match="is failed"):
        said("train", str(run.pk))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("preview", "--base", "x", "--recipe", "from-scratch"), "There is no data set 'x'"),
        (("start", *WORDS, "--by", "nobody"), "There is no user nobody"),
        (("show", "7"), "There is no training run 7"),
        (("cancel", "7"), "is unknown"),
        (("start", *WORDS, "--options", '{"colour": 1}'), "Unknown option"),
    ],
)
def test_a_mistake_at_the_terminal_is_said(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        said(*words)
    assert not TrainingRun.objects.exists()
