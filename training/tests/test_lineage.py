"""Whose pictures a model learned from: kept by pseudonym, told to the person, and blank once they are gone."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils.module_loading import import_string

from liveness.models import Attempt, ModelEvent, ModelVersion
from training import lineage, prepared, reviewed, services
from training.models import Benchmark, Lesson, TrainingRun
from training.tests.site import FACE, crowd, labelled, person
from training.tests.synthetic import row, write_manifest
from training.tests.trees import Fixed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Path) -> None:
    settings.VAR = tmp_path / "var"
    settings.LIVENESS_ATTEMPTS_PER_MINUTE = 1000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "a"
    folder.mkdir()
    rows = [row(f"{live}.jpg", "cam1", live) for live in (True, False)]
    return write_manifest(folder / "manifest.csv", rows)


def learned(data: Path, attempts: list[Attempt], number: int, **options: Any) -> TrainingRun:
    """A run that is done, with its model."""
    options = {"calibration_domains": [], **options}
    run = services.request_run(data=data, options=options, reviewed=[a.pk for a in attempts])
    prepared.prepare(run, Fixed(FACE))
    model = ModelVersion.objects.create(name=f"model-{number}", sha256=f"{number:064x}")
    TrainingRun.objects.filter(pk=run.pk).update(state="done", model=model)
    run.refresh_from_db()
    return run


def names(user: Any) -> list[tuple[str, str]]:
    return [(model["name"], model["how"]) for model in lineage.models_of(user.pk)]


def test_a_person_is_told_which_models_learned_from_them_and_which_went_on(data: Path) -> None:
    alice, bob = person("alice"), person("bob")
    first = learned(data, [labelled(alice)], 1)
    start = services.folder_of(first) / "best.pt"
    learned(data, [labelled(bob)], 2, start=str(start))
    learned(data, [labelled(bob)], 3)
    assert names(alice) == [("model-1", "trained"), ("model-2", "goes_on")]
    assert names(bob) == [("model-2", "trained"), ("model-3", "trained")]


def test_whoever_was_kept_to_be_judged_taught_nothing(data: Path) -> None:
    attempts = crowd(6)
    learned(data, attempts, 1)
    judged = set(Lesson.objects.filter(judged=True).values_list("subject", flat=True))
    assert judged
    for attempt in attempts:
        is_judged = reviewed.subject_of(attempt.user_id) in judged
        assert bool(names(attempt.user)) != is_judged


def test_runs_from_before_say_it_in_their_manifests(data: Path) -> None:
    alice = person("alice")
    learned(data, [labelled(alice)], 1)
    Lesson.objects.all().delete()
    assert names(alice) == [("model-1", "trained")]


def test_another_secret_key_finds_the_same_person(data: Path, settings: Any) -> None:
    alice = person("alice")
    learned(data, [labelled(alice)], 1)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [settings.SECRET_KEY]
    assert names(alice) == [("model-1", "trained")]


def test_who_takes_training_back_still_sees_what_learned(data: Path) -> None:
    alice = person("alice")
    run = learned(data, [labelled(alice)], 1)
    for _ in range(2):
        import_string("accounts.services.take_back")(user=alice, purpose="training")
    assert names(alice) == [("model-1", "trained")]
    assert lineage.people(run) == {"learned_from": 1, "erased": 1}
    assert [event.text for event in ModelEvent.objects.filter(model=run.model)] == [lineage.ERASED]


def test_who_leaves_is_named_the_models_and_leaves_no_pseudonym(data: Path) -> None:
    alice = person("alice")
    pseudonym = reviewed.subject_of(alice.pk)
    run = learned(data, [labelled(alice)], 1)
    frames = {f"reviewed/frames/{pseudonym}-1.jpg": "a" * 64, "other.jpg": "b" * 64}
    Benchmark.objects.create(name="site", manifest="m.csv", digest="c" * 64, files=frames)
    said = import_string("accounts.services.delete_account")(user=alice)
    assert said == ["model-1 (00000000)"]
    assert Lesson.objects.get().subject == ""
    assert list(Benchmark.objects.get().files) == ["other.jpg"]
    assert lineage.people(run) == {"learned_from": 1, "erased": 1}


def test_staff_see_on_the_run_that_somebody_was_erased(data: Path) -> None:
    alice, bob = person("alice"), person("bob")
    run = learned(data, [labelled(alice)], 1)
    import_string("accounts.services.take_back")(user=alice, purpose="training")
    root = get_user_model().objects.create_superuser("root")
    client = Client()
    client.force_login(root, "django.contrib.auth.backends.ModelBackend")
    page = client.get(reverse("training:run", args=[run.pk])).content.decode()
    assert "1, of whom 1 had their pictures erased since" in page
    assert bob.username not in page


def test_the_person_reads_it_on_their_own_page(data: Path) -> None:
    alice = person("alice")
    learned(data, [labelled(alice)], 1)
    client = Client()
    client.force_login(alice, "django.contrib.auth.backends.ModelBackend")
    for name in ("accounts:consents", "accounts:data", "accounts:delete_account"):
        assert "model-1" in client.get(reverse(name), follow=True).content.decode(), name
