"""Whose pictures a run learned from, so that the people themselves can be told, also after their erasure.

People stand here by the pseudonym of their copies. When an account is erased the pseudonym goes too, and what stays says
only that a run learned from somebody who was erased since.
"""

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypedDict

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from liveness import registry
from liveness.models import ModelVersion
from training import reviewed
from training.freezing import MERGED
from training.models import Benchmark, Lesson, TrainingRun

COPIES = "reviewed/"
"""Rows of a run's manifest whose pictures are copies of this site's attempts begin so."""


ERASED = "A person whose pictures it learned from had them erased."
"""Stands in the history of such a model."""


class Learned(TypedDict):
    """A model and how it learned from a person: ``trained`` on pictures, or it ``goes_on`` from one that was."""

    id: int
    name: str
    sha256: str
    state: str
    how: str


class Holding(TypedDict):
    """What training holds of a person: copies (files) and the models that learned from them."""

    copies: int
    models: list[Learned]


def note(run: TrainingRun, manifest: Path) -> None:
    """Keep who is in the copies that this run trains on; once."""
    counts: Counter[tuple[str, bool]] = Counter()
    with manifest.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["path"].startswith(COPIES):
                counts[row["subject"], row["split"] != "train"] += 1
    Lesson.objects.bulk_create(
        [
            Lesson(run=run, subject=subject, judged=judged, frames=frames)
            for (subject, judged), frames in counts.items()
        ],
        ignore_conflicts=True,
    )


def models_of(user_pk: object) -> list[Learned]:
    """The models that learned from a person's pictures, the oldest first, and those that went on from their weights."""
    _note_earlier_runs()
    rows = Lesson.objects.filter(subject__in=reviewed.pseudonyms(user_pk), judged=False)
    direct = set(rows.values_list("run", flat=True))
    everyone = _with_heirs(direct)
    runs = TrainingRun.objects.filter(pk__in=everyone, model__isnull=False).select_related("model")
    found: dict[int, Learned] = {}
    for run in runs.order_by("model__created", "-pk"):
        assert run.model is not None  # noqa: S101  (filtered)
        how = "trained" if run.pk in direct else "goes_on"
        if run.model.pk not in found or how == "trained":
            found[run.model.pk] = _learned(run.model, how)
    return list(found.values())


def holding(user_pk: object) -> Holding:
    """What is held of one person here."""
    return Holding(copies=len(reviewed.copies_of(user_pk)), models=models_of(user_pk))


def people(run: TrainingRun) -> dict[str, int]:
    """How many people a run learned from, and how many of them had their pictures erased since."""
    rows = run.lessons.filter(judged=False)
    return {"learned_from": rows.count(), "erased": rows.filter(erased__isnull=False).count()}


@transaction.atomic
def forget(user: Any, *, leaving: bool) -> None:
    """Note that a person's copies are erased, and take them out of the lists of benchmarks. leaving: the account too."""
    _note_earlier_runs()
    names = reviewed.pseudonyms(user.pk)
    rows = Lesson.objects.filter(subject__in=names)
    fresh = rows.filter(erased__isnull=True)
    for model in ModelVersion.objects.filter(
        training_runs__in=fresh.filter(judged=False).values("run")
    ).distinct():
        registry.remark(model=model, text=ERASED)
    fresh.update(erased=timezone.now())
    if leaving:
        rows.update(subject="")
    for benchmark in Benchmark.objects.all():
        kept = {path: sha for path, sha in benchmark.files.items() if not _names(path, names)}
        if len(kept) < len(benchmark.files):
            Benchmark.objects.filter(pk=benchmark.pk).update(files=kept)


def _with_heirs(runs: Iterable[int]) -> set[int]:
    """These runs, and those that began with the weights of one of them."""
    starts = {
        run.pk: Path(str(run.options["start"])).parent.name
        for run in TrainingRun.objects.only("pk", "options")
        if run.options.get("start")
    }
    found = set(runs)
    while heirs := {pk for pk, start in starts.items() if start in _folders(found)} - found:
        found |= heirs
    return found


def _folders(runs: Iterable[int]) -> set[str]:
    return {f"run-{pk}" for pk in runs}


def _note_earlier_runs() -> None:
    """Runs from before this was kept say it in the manifests they left."""
    home = Path(settings.VAR) / "training"
    for run in (
        TrainingRun.objects.filter(lessons=None).exclude(attempts=[]).exclude(copies_digest="")
    ):
        manifest = home / f"run-{run.pk}" / MERGED
        if manifest.is_file():
            note(run, manifest)


def _names(path: str, pseudonyms: Iterable[str]) -> bool:
    return any(name in path for name in pseudonyms)


def _learned(model: ModelVersion, how: str) -> Learned:
    return Learned(id=model.pk, name=model.name, sha256=model.sha256, state=model.state, how=how)
