from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from liveness import registry
from training import facts, services, tasks
from training.models import TrainingRun
from training.tests.site import crowd
from training.tests.synthetic import row, write_manifest

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"
FORM = {"base": "webcams", "recipe": "from-scratch", "reviewed": "on", "options": '{"epochs": 2}'}


@pytest.fixture(autouse=True)
def manifest(settings: Any, tmp_path: Path) -> Path:
    settings.VAR = tmp_path / "var"
    settings.LIVENESS_ATTEMPTS_PER_MINUTE = 1000
    rows = [row(f"{n}.jpg", "cam1", n % 2 == 0) for n in range(8)]
    manifest = write_manifest(tmp_path / "manifest.csv", rows)
    settings.LIVEGATE_DATA_SETS = {"webcams": str(manifest)}
    return manifest


@pytest.fixture
def signed_in(client: Client) -> Callable[..., Client]:
    """A staff member with these permissions on training runs."""

    def sign_in(*names: str, staff: bool = True, root: bool = False) -> Client:
        user = get_user_model().objects.create_user("carol", is_staff=staff, is_superuser=root)
        codes = [f"{name}_trainingrun" for name in names]
        user.user_permissions.set(Permission.objects.filter(codename__in=codes))
        client.force_login(user, backend=BACKEND)
        return client

    return sign_in


@pytest.fixture
def run(manifest: Path) -> TrainingRun:
    return services.request_run(data=manifest, options={})


def text(client: Client, name: str, *args: Any) -> str:
    return client.get(reverse(f"training:{name}", args=args)).content.decode()


@pytest.mark.parametrize("name", ["runs", "new", "run", "cancel"])
def test_strangers_must_sign_in_and_others_are_refused(
    client: Client, signed_in: Callable[..., Client], run: TrainingRun, name: str
) -> None:
    url = reverse(f"training:{name}", args=[run.pk] if name in ("run", "cancel") else [])
    assert client.get(url).status_code == 302
    for client in (signed_in("add", "view", staff=False),):
        assert client.get(url).status_code == 403


def test_who_may_only_watch_sees_runs_and_can_start_and_cancel_nothing(
    signed_in: Callable[..., Client], run: TrainingRun
) -> None:
    client = signed_in("view")
    assert 'data-test="training-new"' not in text(client, "runs")
    assert 'data-test="run-cancel"' not in text(client, "run", run.pk)
    assert client.get(reverse("training:new")).status_code == 403
    assert client.post(reverse("training:new"), FORM | {"start": "1"}).status_code == 403
    assert client.post(reverse("training:cancel", args=[run.pk])).status_code == 403
    run.refresh_from_db()
    assert run.state == "queued"


def test_pages_are_never_cached(signed_in: Callable[..., Client], run: TrainingRun) -> None:
    answer = signed_in("view").get(reverse("training:run", args=[run.pk]))
    assert "no-store" in answer["Cache-Control"]


def test_an_empty_list_says_what_runs_are(signed_in: Callable[..., Client]) -> None:
    assert 'data-test="training-empty"' in text(signed_in("view"), "runs")


def test_the_list_counts_labels_that_no_run_has_seen(signed_in: Callable[..., Client]) -> None:
    crowd(2)
    assert "<strong>4</strong> labels that no run has seen" in text(signed_in("view"), "runs")


def test_without_a_registered_data_set_the_form_says_how_to_register_one(
    signed_in: Callable[..., Client], settings: Any
) -> None:
    settings.LIVEGATE_DATA_SETS = {}
    assert "LIVEGATE_DATA_SETS" in text(signed_in("add", "view"), "new")


def test_a_preview_comes_first_and_starts_nothing(signed_in: Callable[..., Client]) -> None:
    crowd(3)
    page = signed_in("add", "view").post(reverse("training:new"), FORM).content.decode()
    assert "<strong>6</strong> attempts of 3 people" in " ".join(page.split())
    assert "cam1" in page
    assert "frames are few" in page
    assert 'data-test="training-start"' in page
    assert not TrainingRun.objects.exists()


def test_what_was_previewed_is_started_on_commit(
    signed_in: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    enqueued: list[int] = []
    settings.CELERY_TASK_ALWAYS_EAGER = False
    monkeypatch.setattr(tasks.run_training, "delay", enqueued.append)
    client = signed_in("add", "view")
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(reverse("training:new"), FORM | {"start": "1"})
    run = TrainingRun.objects.get()
    assert answer["Location"] == run.get_absolute_url()
    assert (run.recipe, run.options["epochs"], str(run.requested_by)) == (
        "from-scratch",
        2,
        "carol",
    )
    assert enqueued == [run.pk]


def test_without_a_worker_the_page_says_how_to_train(signed_in: Callable[..., Client]) -> None:
    client = signed_in("add", "view")
    page = client.post(reverse("training:new"), FORM | {"start": "1"}, follow=True)
    pk = TrainingRun.objects.get().pk
    assert f"manage.py training_runs train {pk}" in page.content.decode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"base": "/etc/passwd"}, "Select a valid choice"),
        ({"recipe": "magic"}, "Select a valid choice"),
        ({"options": "[1]"}, "Write a JSON object"),
        ({"options": "{"}, "Enter a valid JSON"),
        ({"options": '{"start": "/etc/shadow"}'}, "Only a superuser may name files"),
    ],
)
def test_a_form_with_something_wrong_is_shown_again(
    signed_in: Callable[..., Client], change: dict[str, str], words: str
) -> None:
    answer = signed_in("add", "view").post(reverse("training:new"), FORM | change | {"start": "1"})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not TrainingRun.objects.exists()


def test_what_cannot_be_trained_on_is_not_started(
    signed_in: Callable[..., Client], manifest: Path
) -> None:
    write_manifest(manifest, [row("a.jpg", "cam1", True)])
    client = signed_in("add", "view")
    page = client.post(reverse("training:new"), FORM).content.decode()
    assert "There are no attacks to train on." in page
    assert 'data-test="training-start"' not in page
    answer = client.post(reverse("training:new"), FORM | {"start": "1"})
    assert (answer.status_code, TrainingRun.objects.count()) == (422, 0)


def test_a_running_run_shows_its_progress_its_plot_and_its_log(
    signed_in: Callable[..., Client], run: TrainingRun
) -> None:
    claimed = services.claim_run(run.pk)
    history = [
        {"epoch": n, "loss": 1 / n, "accuracy": 0.9, "auc": 0.95, "seconds": 3} for n in (1, 2)
    ]
    progress = {"epoch": 3, "epochs": 8, "batch": 5, "batches": 9, "loss": 0.3, "share": 0.25}
    services.note(claimed, log="epoch 2/8  <b>\n", progress=progress, history=history)
    page = text(signed_in("add", "view"), "run", run.pk)
    assert '<progress max="100" value="25"' in page
    assert "Epoch 3 of 8" in page
    assert "epoch 2/8  &lt;b&gt;" in page
    assert page.count("<polyline") == 2
    assert 'data-test="run-cancel"' in page
    assert f"/ws/training/{run.pk}/" in page


def test_a_run_that_has_ended_says_why_and_loads_no_script(
    signed_in: Callable[..., Client], run: TrainingRun
) -> None:
    services.fail_run(services.claim_run(run.pk), "The disk is full.")
    page = text(signed_in("add", "view"), "run", run.pk)
    assert "The disk is full." in page
    assert "training.js" not in page
    assert 'data-test="run-cancel"' not in page


def test_a_run_that_is_done_links_to_its_model(
    signed_in: Callable[..., Client], run: TrainingRun
) -> None:
    model = registry.ensure_bundled_model()
    claimed = services.claim_run(run.pk)
    figures = model.manifest["figures"]
    result = model.manifest | {"figures": figures | {"calibration": figures["dev"]}}
    services.finish_run(claimed, bundle=Path("x"), result=result, model=model)
    page = text(signed_in(root=True), "run", run.pk)
    assert model.get_absolute_url() in page
    assert "AUC on the cameras kept for choices" in page


def test_a_run_that_is_done_has_nothing_before_it(run: TrainingRun) -> None:
    claimed = services.claim_run(run.pk)
    progress = {"epoch": 3, "epochs": 3, "batch": 5, "batches": 6, "minutes_left": 0.01}
    services.note(claimed, log="", progress=progress, history=[])
    claimed.refresh_from_db()
    assert facts.live(claimed)["figures"] | progress == facts.live(claimed)["figures"]
    services.finish_run(claimed, bundle=Path("x"), result={}, model=registry.ensure_bundled_model())
    run.refresh_from_db()
    done = facts.live(run)["figures"]
    assert (done["batch"], done["batches"], done["minutes_left"]) == (6, 6, None)


def test_without_a_worker_the_page_says_once_how_to_train(
    signed_in: Callable[..., Client], settings: Any
) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = True
    client = signed_in("add", "view")
    page = client.post(reverse("training:new"), FORM | {"start": "1"}, follow=True).content.decode()
    assert page.count("No training worker can be reached") == 1
    assert f"training_runs train {TrainingRun.objects.get().pk}" in page


def test_a_run_is_cancelled_once(signed_in: Callable[..., Client], run: TrainingRun) -> None:
    client, url = signed_in("add", "view"), reverse("training:cancel", args=[run.pk])
    assert client.get(url).status_code == 405
    assert "The run is cancelled" in client.post(url, follow=True).content.decode()
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert "not queued or running" in client.post(url, follow=True).content.decode()


def test_a_plan_can_be_changed_after_its_preview(signed_in: Callable[..., Client]) -> None:
    answer = signed_in("add", "view").post(reverse("training:new"), FORM | {"change": "1"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "{&quot;epochs&quot;: 2}" in page
    assert 'data-test="training-errors"' not in page
