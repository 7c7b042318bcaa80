import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from liveness import registry
from liveness.engine.bundle import BUNDLED
from training import origins, plans, recipes, services, tasks
from training.fas.tables import TABLES
from training.freezing import Choice
from training.models import TrainingRun
from training.options import CALIBRATION_DOMAINS, OptionError
from training.plans import Plan
from training.tests.site import CAMERA, crowd, labelled, person
from training.tests.synthetic import row, write_manifest

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def base(settings: Any, tmp_path: Path) -> Path:
    """One registered data set with a camera to learn from, one for choices and one that is held out."""
    settings.VAR = tmp_path / "var"
    settings.LIVENESS_ATTEMPTS_PER_MINUTE = 1000
    rows = [row(f"{n}.jpg", "cam1", n % 2 == 0) for n in range(80)]
    rows += [row(f"c{n}.jpg", CALIBRATION_DOMAINS[0], n % 2 == 0) for n in range(4)]
    rows += [row(f"d{n}.jpg", "cam9", n % 2 == 0, "dev") for n in range(6)]
    manifest = write_manifest(tmp_path / "manifest.csv", rows)
    settings.LIVEGATE_DATA_SETS = {"webcams": str(manifest)}
    return manifest


def plan(**values: Any) -> Plan:
    return Plan(**({"base": ("webcams",), "recipe": "from-scratch"} | values))


def test_a_preview_counts_every_camera_class_and_part() -> None:
    seen = plans.preview(plan())
    counted = {(row.domain, row.part): (row.live, dict(row.attacks)) for row in seen.rows}
    assert counted == {
        ("cam1", "train"): (40, {"screen": 40}),
        (CALIBRATION_DOMAINS[0], "choice"): (2, {"screen": 2}),
        ("cam9", "benchmark"): (3, {"screen": 3}),
    }
    assert seen.errors == []


def test_a_preview_counts_reviewed_attempts_and_says_why_others_are_left_out() -> None:
    crowd(4)
    labelled(person("no", training=False))
    labelled(person("bad"), "unusable")
    seen = plans.preview(plan())
    site = [row for row in seen.rows if row.reviewed]
    assert sum(row.live + row.spoof for row in site) == 16
    assert {row.part for row in site} == {"train", "benchmark"}
    assert (len(seen.attempts), seen.people) == (8, 4)
    assert seen.left_out == {"of people who did not agree to training": 1, "labelled unusable": 1}


def test_a_choice_of_camera_and_day_leaves_the_rest_out() -> None:
    crowd(2)
    labelled(person("elsewhere"), camera="Desk")
    tomorrow = timezone.now().date() + timedelta(days=1)
    one = plans.preview(plan(choice=Choice(camera=CAMERA)))
    assert (len(one.attempts), one.left_out) == (
        4,
        {"of other cameras or earlier days than chosen": 1},
    )
    assert plans.preview(plan(choice=Choice(since=tomorrow))).attempts == []
    assert plans.preview(plan(choice=Choice(reviewed=False))).attempts == []


def test_a_preview_warns_of_missing_and_of_few() -> None:
    labelled(person("alice"), "screen")
    warnings = " ".join(plans.preview(plan()).warnings)
    assert "kind print: 0 frames are few" in warnings
    assert "No bona fide frame of this site" in warnings
    assert "Only 1 of the site's people" in warnings
    assert "Nobody of this site is left" in warnings


def test_a_preview_without_anything_to_use_says_so() -> None:
    assert "No reviewed attempt can be used" in " ".join(plans.preview(plan()).warnings)


def test_a_data_set_without_calibration_cameras_is_warned_of(base: Path) -> None:
    write_manifest(base, [row("a.jpg", "cam1", True), row("b.jpg", "cam1", False)])
    seen = plans.preview(plan())
    assert seen.options is not None
    assert seen.options.calibration_domains == ()
    assert "gate will refuse" in " ".join(seen.warnings)


def test_one_class_alone_is_an_error(base: Path) -> None:
    write_manifest(base, [row("a.jpg", "cam1", True)])
    seen = plans.preview(plan())
    assert "There are no attacks to train on." in seen.errors
    with pytest.raises(services.RequestError, match="no attacks"):
        plans.start(plan())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"base": ()}, "Choose a data set"),
        ({"base": ("nowhere",)}, "There is no data set 'nowhere'"),
        ({"recipe": "magic"}, "There is no recipe 'magic'"),
        ({"options": {"colour": 1}}, "Unknown option: colour"),
        ({"options": {"epochs": 0}}, "epochs must be at least 1"),
    ],
)
def test_what_cannot_be_started_is_said_before(values: dict[str, Any], words: str) -> None:
    assert words in " ".join(plans.preview(plan(**values)).errors)
    with pytest.raises(services.RequestError, match=words):
        plans.start(plan(**values))
    assert not TrainingRun.objects.exists()


def test_a_base_with_the_sites_own_cameras_is_refused(base: Path) -> None:
    labelled(person("alice"))
    write_manifest(base, [row("a.jpg", "site-lobby-cam-320x240", live) for live in (True, False)])
    assert "both have a camera" in " ".join(plans.preview(plan()).errors)


def test_a_plan_is_started_with_its_recipe_and_what_was_previewed() -> None:
    crowd(2)
    run = plans.start(plan(options={"epochs": 3}))
    assert (run.state, run.recipe, run.options["epochs"]) == ("queued", "from-scratch", 3)
    assert (len(run.attempts), run.base[0]["name"]) == (4, "webcams")


def test_touching_up_needs_the_weights_that_serve(settings: Any, tmp_path: Path) -> None:
    settings.LIVEGATE_START = str(tmp_path / "start.npz")
    with pytest.raises(OptionError, match="weights of the serving model"):
        recipes.options_for("touch-up", {})
    (tmp_path / "start.npz").write_bytes(b"x")
    options = recipes.options_for("touch-up", {})
    assert options.start == str(tmp_path / "start.npz")
    about = json.loads((BUNDLED / "manifest.json").read_text(encoding="utf-8"))
    taught, habits = about["training"]["options"], ("fourier_weight", "mixstyle", "mixed", "drop")
    assert options.scales == tuple(about["preprocessing"]["scales"])
    assert [getattr(options, name) for name in habits] == [taught[name] for name in habits]
    pooled = TABLES[about["network"]["arch"]].pooled
    assert options.lr == (1e-4 if pooled else 4e-4)


def start_of(folder: Path, *domains: str) -> str:
    """A start file that says which cameras it has seen."""
    about = np.array(json.dumps({"domains": domains}))
    np.savez_compressed(folder / "start.npz", about=about)
    return str(folder / "start.npz")


def test_a_camera_that_the_weights_have_seen_calibrates_nothing(
    settings: Any, tmp_path: Path
) -> None:
    settings.LIVEGATE_START = start_of(tmp_path, "elsewhere")
    kept = plans.preview(plan(recipe="touch-up")).options
    settings.LIVEGATE_START = start_of(tmp_path, CALIBRATION_DOMAINS[0])
    seen = plans.preview(plan(recipe="touch-up")).options
    assert kept is not None
    assert seen is not None
    assert (kept.calibration_domains, kept.champion) == ((CALIBRATION_DOMAINS[0],), "")
    assert (seen.calibration_domains, Path(seen.champion).name) == ((), "bundled")


def test_weights_that_have_seen_what_is_held_out_are_refused(settings: Any, tmp_path: Path) -> None:
    settings.LIVEGATE_START = start_of(tmp_path, "cam9")
    errors = plans.preview(plan(recipe="touch-up")).errors
    assert "have learnt from cam9" in " ".join(errors)


def test_a_runs_weights_have_seen_its_cameras_and_those_of_its_beginning(tmp_path: Path) -> None:
    run = plans.start(plan(options={"start": start_of(tmp_path, "older")}))
    best = services.folder_of(run) / "best.pt"
    assert origins.seen_by(best) == frozenset({"older", "cam1"})
    assert origins.seen_by(tmp_path / "unknown.pt") is None
    assert origins.seen_by(Path("imagenet")) == frozenset()


def test_touching_up_goes_on_from_the_run_that_made_the_serving_model(tmp_path: Path) -> None:
    champion = registry.promote_model(model=registry.ensure_bundled_model())
    run = plans.start(plan())
    TrainingRun.objects.filter(pk=run.pk).update(model=champion)
    best = services.folder_of(run) / "best.pt"
    best.parent.mkdir(parents=True)
    assert origins.serving_weights() is None
    best.write_bytes(b"x")
    assert origins.serving_weights() == best
    tied = best.with_name(origins.TIED)
    tied.write_bytes(b"x")
    assert origins.serving_weights() == tied


def test_the_clock_asks_when_enough_new_labels_have_come_in(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueued: list[int] = []
    monkeypatch.setattr(tasks, "enqueue", enqueued.append)
    settings.LIVEGATE_RETRAIN_AFTER, settings.LIVEGATE_RETRAIN_RECIPE = 4, "from-scratch"
    labelled(person("alice"))
    tasks.retrain_if_due()
    assert enqueued == []
    crowd(2)
    tasks.retrain_if_due()
    run = TrainingRun.objects.get()
    assert (run.scheduled, run.requested_by, enqueued) == (True, None, [run.pk])
    tasks.retrain_if_due()
    services.cancel_run(run.pk)
    tasks.retrain_if_due()
    assert TrainingRun.objects.count() == 1
    assert plans.new_labels() == 0


def test_the_clock_asks_for_nothing_while_a_run_is_open_or_without_being_told_to(
    settings: Any,
) -> None:
    crowd(2)
    settings.LIVEGATE_RETRAIN_RECIPE = "from-scratch"
    tasks.retrain_if_due()
    settings.LIVEGATE_RETRAIN_AFTER = 1
    plans.start(plan(choice=Choice(reviewed=False)))
    tasks.retrain_if_due()
    assert TrainingRun.objects.filter(scheduled=True).count() == 0


def test_two_clocks_make_one_run(settings: Any) -> None:
    plans.start(plan(), scheduled=True)
    with pytest.raises(services.RequestError, match="open already"):
        plans.start(plan(), scheduled=True)
    assert TrainingRun.objects.count() == 1
