"""What somebody wants to train, how that would look, and the request. Pages, API, command line and clock all plan here."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from liveness.models import Attempt, Evidence
from training import datasets, freezing, recipes, reviewed, services
from training.fas.data import DataError, Sample
from training.freezing import Choice
from training.models import TrainingRun
from training.options import OptionError, Options
from training.services import RequestError

FEW = 30
"""Frames of a class, or of a kind of attack, below which a page warns."""

_FEW_PEOPLE = 3
_EXPECTED = ("print", "screen")
_LEFT_OUT = {
    "unusable": _("labelled unusable"),
    "not_refused": _("passed, and not kept as a sample for review"),
    "no_account": _("about no account, so nobody could consent"),
    "no_consent": _("of people who did not agree to training"),
    "not_chosen": _("of other cameras or earlier days than chosen"),
    "no_picture_kept": _("without a picture: its time is over"),
}


@dataclass(frozen=True)
class Plan:
    """Names of registered data sets, a recipe, reviewed attempts, and options on top of the recipe's.

    paths: further manifests; only for whoever may name files of this machine.
    """

    base: tuple[str, ...]
    recipe: str
    choice: Choice = field(default_factory=Choice)
    options: Mapping[str, Any] = field(default_factory=dict)
    paths: tuple[Path, ...] = ()

    @property
    def sets(self) -> tuple[str | Path, ...]:
        return (*self.base, *self.paths)


@dataclass(frozen=True)
class Row:
    """One camera of what would be trained on. part: train, choice or benchmark; counts are frames, or at most so many."""

    domain: str
    part: str
    live: int
    attacks: Mapping[str, int]
    reviewed: bool = False

    @property
    def spoof(self) -> int:
        return sum(self.attacks.values())


@dataclass
class Preview:
    """How a plan would look. ``errors``: why it cannot be requested; ``warnings``: why it had better not.

    attempts: those that would be taken; left_out: reason in words → attempts; people and held_out: how many persons.
    """

    plan: Plan
    options: Options | None = None
    rows: list[Row] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    people: int = 0
    held_out: int = 0
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @cached_property
    def totals(self) -> dict[str, Row]:
        """Part → the sum of its rows."""
        parts: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows:
            parts[row.part].append(row)
        return {
            name: Row("", name, sum(row.live for row in rows), _sum(row.attacks for row in rows))
            for name, rows in parts.items()
        }

    def as_dict(self) -> dict[str, Any]:
        """Plain values for the API and the command line."""
        rows = [{**vars(row), "attacks": dict(row.attacks)} for row in self.rows]
        return {
            "rows": rows,
            "attempts": len(self.attempts),
            "left_out": self.left_out,
            "people": self.people,
            "held_out": self.held_out,
            "options": self.options.as_dict() if self.options else None,
            "errors": self.errors,
            "warnings": self.warnings,
        }


def preview(plan: Plan) -> Preview:
    """Size and balance of a plan before anything is started. Nothing is written; what is wrong is in ``errors``."""
    seen = Preview(plan)
    samples: list[Sample] = []
    _take_attempts(seen)
    try:
        sets = {name: datasets.samples(path) for name, path in datasets.resolve(plan.sets)}
        samples = [row for rows in sets.values() for row in rows]
        cameras = {name: {row.domain for row in rows} for name, rows in sets.items()}
        datasets.check_apart(cameras | {"the site": {row.domain for row in seen.rows}})
        seen.options = recipes.options_for(plan.recipe, plan.options, samples)
    except (DataError, OptionError) as error:
        seen.errors.append(str(error))
    if not plan.sets:
        seen.errors.append(
            gettext("Choose a data set: reviewed attempts alone are too few to learn from.")
        )
    seen.rows += _base_rows(samples, seen.options)
    _warn(seen)
    return seen


def start(plan: Plan, by: Any = None, scheduled: bool = False) -> TrainingRun:
    """Freeze a plan and queue it. Raises RequestError with all that is wrong. The caller enqueues after the commit."""
    seen = preview(plan)
    if seen.errors or seen.options is None:
        raise RequestError(" ".join(seen.errors))
    return services.request_run(
        options=seen.options.as_dict(),
        base=plan.sets,
        reviewed=[attempt.pk for attempt in seen.attempts],
        recipe=plan.recipe,
        by=by,
        scheduled=scheduled,
    )


def request_if_due() -> TrainingRun | None:
    """A run on all data sets and all usable labels, if enough of these are new and no run is open. Raises RequestError."""
    after = settings.LIVEGATE_RETRAIN_AFTER
    if after <= 0 or not datasets.registered():
        return None
    if TrainingRun.objects.filter(state__in=("queued", "running")).exists():
        return None
    if new_labels() < after:
        return None
    plan = Plan(tuple(datasets.registered()), settings.LIVEGATE_RETRAIN_RECIPE)
    return start(plan, scheduled=True)


def new_labels() -> int:
    """Usable reviewed attempts that the latest run with reviewed attempts, whatever became of it, has not seen."""
    frozen = (
        run.attempts for run in TrainingRun.objects.only("attempts").iterator() if run.attempts
    )
    last = {row["id"] for row in next(frozen, [])}
    return sum(str(attempt.pk) not in last for attempt in reviewed.usable()[0])


def _take_attempts(seen: Preview) -> None:
    found, left_out = reviewed.usable() if seen.plan.choice.reviewed else ([], Counter())
    chosen = [attempt for attempt in found if seen.plan.choice.takes(attempt)]
    left_out["not_chosen"] = len(found) - len(chosen)
    frames = _frames(chosen)
    seen.attempts = [attempt for attempt in chosen if attempt.pk in frames]
    left_out["no_picture_kept"] = len(chosen) - len(seen.attempts)
    seen.left_out = {str(_LEFT_OUT[name]): count for name, count in left_out.items() if count}
    held = freezing.held_out(seen.attempts)
    subjects = {attempt.pk: reviewed.subject_of(attempt.user_id) for attempt in seen.attempts}
    seen.people, seen.held_out = len(set(subjects.values())), len(held)
    seen.rows += _rows(
        (
            (reviewed.domain_of(row), "benchmark" if subjects[row.pk] in held else "train"),
            "" if row.label == Attempt.Label.LIVE else row.label,
            frames[row.pk],
        )
        for row in seen.attempts
    )
    seen.rows = [replace(row, reviewed=True) for row in seen.rows]


def _frames(attempts: Iterable[Attempt]) -> dict[Any, int]:
    """Attempt → how many of its pictures could be copied; those without any are not in it."""
    rows = Evidence.objects.filter(attempt__in=attempts, kind__in=Evidence.FULL_SIZE)
    return dict(rows.values_list("attempt").annotate(Count("pk")))


def _base_rows(samples: Sequence[Sample], options: Options | None) -> list[Row]:
    choices = options.calibration_domains if options else ()
    return _rows(
        (
            (row.domain, _part(row, choices)),
            "" if row.live else row.species or "attack",
            1,
        )
        for row in samples
    )


def _part(sample: Sample, choices: Sequence[str]) -> str:
    if sample.split == "dev":
        return "benchmark"
    return "choice" if sample.domain in choices else "train"


def _rows(counted: Iterable[tuple[tuple[str, str], str, int]]) -> list[Row]:
    """((domain, part), species or "" for bona fide, frames) → one row for each domain and part."""
    cells: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for place, species, count in counted:
        cells[place][species] += count
    return [
        Row(domain, part, found.pop("", 0), dict(sorted(found.items())))
        for (domain, part), found in sorted(cells.items())
    ]


def _warn(seen: Preview) -> None:
    train = seen.totals.get("train", Row("", "train", 0, {}))
    site = [row for row in seen.rows if row.reviewed and row.part == "train"]
    if not train.live:
        seen.errors.append(gettext("There are no bona fide frames to train on."))
    if not train.spoof:
        seen.errors.append(gettext("There are no attacks to train on."))
    kinds = {**dict.fromkeys(_EXPECTED, 0), **train.attacks}
    few = {
        gettext("Bona fide"): train.live,
        **{
            gettext("Attacks of the kind %(kind)s") % {"kind": name}: n for name, n in kinds.items()
        },
    }
    seen.warnings += [
        gettext("%(what)s: %(n)s frames are few.") % {"what": name, "n": n}
        for name, n in few.items()
        if n < FEW
    ]
    chosen = seen.options
    if chosen and not (chosen.calibration_domains or chosen.champion or chosen.calibration_scores):
        seen.warnings.append(
            gettext(
                "No camera of these data sets is kept for choosing the threshold: the gate will refuse the result."
            )
        )
    if seen.plan.choice.reviewed:
        seen.warnings += _about_reviewed(seen, site)


def _about_reviewed(seen: Preview, site: Sequence[Row]) -> list[str]:
    if not seen.attempts:
        return [
            gettext(
                "No reviewed attempt can be used: this run would learn nothing new about this site."
            )
        ]
    warnings = []
    for name, count in (
        (gettext("bona fide frame"), sum(row.live for row in site)),
        (gettext("attack"), sum(row.spoof for row in site)),
    ):
        if not count:
            warnings.append(
                gettext(
                    "No %(what)s of this site would be trained on: its cameras may be learnt as a class."
                )
                % {"what": name}
            )
    if seen.people < _FEW_PEOPLE:
        warnings.append(
            gettext("Only %(n)s of the site's people are in it: the network may learn their faces.")
            % {"n": seen.people}
        )
    if not seen.held_out:
        warnings.append(
            gettext(
                "Nobody of this site is left for its benchmark: at least two people are needed."
            )
        )
    return warnings


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items()))
