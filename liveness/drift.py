"""Is today's world still the one the present model was promoted into? Attempts of a week against a reference period.

The reference is the calibration period: the first attempts after the present model was promoted, or after an
administrator began it anew. Once complete it is frozen as numbers without names, because attempts are deleted after
LIVENESS_ATTEMPT_DAYS, and a reference that slides along would never show anything. Only attempts that the present
model judged are compared. Nothing here writes; ``drift_watch`` does.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from liveness.engine import shift
from liveness.models import Attempt, DriftReference, ModelVersion
from liveness.services import NO_MATCH

FEWEST = 50
OTHER_CAMERAS = "Other cameras"
_MOST = 5000
# A camera's name may hold a person's ("Ada's phone"); one that hardly anybody used is counted, not named.
_NAMED_FROM = 5
_CAMERAS_SHOWN = 12
_FIELDS = ("created", "state", "reason", "camera", "pooled", "measures")


class Level(StrEnum):
    """What a measure comes to. TOO_FEW is an answer of its own and never an alarm."""

    TOO_FEW = "too_few"
    STEADY = "steady"
    WATCH = "watch"
    DRIFTED = "drifted"


class Outcome(StrEnum):
    PASSED = "passed"
    REFUSED = "refused"
    ABSTAINED = "abstained"
    ABANDONED = "abandoned"
    ERROR = "error"


NUMBERS = ("score", "light", "face", "unjudged")
MIXES = ("camera", "outcome")
RATE = "abstention"
_PSI_WATCH, _PSI_DRIFTED = 0.1, 0.25
_RATE_WATCH, _RATE_DRIFTED = 0.05, 0.1
_CHANCE_WATCH, _CHANCE_DRIFTED = 0.01, 0.001


@dataclass(frozen=True)
class CameraPart:
    """One camera's attempts: how many, their outcomes, and the median pooled score, 0–1 (None: none was judged)."""

    n: int
    outcomes: dict[str, int]
    score: float | None


@dataclass(frozen=True)
class Sample:
    """What n attempts showed. numbers: each of NUMBERS, sorted by size, so that no attempt can be told from them;
    first, last: when they were opened, ISO 8601, None without any.
    """

    n: int = 0
    first: str | None = None
    last: str | None = None
    numbers: dict[str, list[float]] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    cameras: dict[str, CameraPart] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, data: dict[str, Any]) -> "Sample":
        cameras = {name: CameraPart(**part) for name, part in data["cameras"].items()}
        return cls(**{**data, "cameras": cameras})

    def mix(self, measure: str) -> dict[str, int]:
        """Counts of "camera" or "outcome" by name."""
        if measure == "outcome":
            return self.outcomes
        return {name: part.n for name, part in self.cameras.items()}

    def abstentions(self) -> tuple[int, int]:
        """(abstained, abstained or decided)."""
        ended = [self.outcomes.get(name, 0) for name in ("passed", "refused", "abstained")]
        return ended[2], sum(ended)


@dataclass(frozen=True)
class Reference:
    """The calibration period. wanted: how many attempts complete it at the latest; row: as it is stored, if it is."""

    sample: Sample
    since: datetime
    until: datetime | None
    wanted: int
    row: DriftReference | None

    @property
    def complete(self) -> bool:
        return self.until is not None


@dataclass(frozen=True)
class Finding:
    """One measure. reference, current: how many values each; figures: plain numbers, None where there are too few."""

    measure: str
    level: Level
    reference: int
    current: int
    figures: dict[str, float | None]


class CameraRow(NamedTuple):
    """One camera then and now; either may be missing."""

    name: str
    reference: CameraPart | None
    current: CameraPart | None


@dataclass(frozen=True)
class Report:
    """Every measure, most serious first. ``model`` is None while nothing serves."""

    created: datetime
    days: int
    model: ModelVersion | None
    reference: Reference | None
    current: Sample
    findings: list[Finding]

    @property
    def drifted(self) -> list[str]:
        return [item.measure for item in self.findings if item.level is Level.DRIFTED]

    def level(self, measure: str) -> Level:
        """TOO_FEW for a measure that is not there."""
        levels = {item.measure: item.level for item in self.findings}
        return levels.get(measure, Level.TOO_FEW)

    def cameras(self) -> list[CameraRow]:
        """The commonest first."""
        before = self.reference.sample.cameras if self.reference else {}
        names, _, _ = shift.paired_counts(
            {name: part.n for name, part in before.items()}, self.current.mix("camera")
        )
        return [CameraRow(name, before.get(name), self.current.cameras.get(name)) for name in names]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: no person, no single attempt."""
        reference = self.reference
        return {
            "created": self.created.isoformat(),
            "days": self.days,
            "model": self.model and {"name": self.model.name, "sha256": self.model.sha256},
            "reference": reference and {**_size(reference.sample), "complete": reference.complete},
            "current": _size(self.current),
            "measures": [asdict(item) for item in self.findings],
            "cameras": [
                {"name": name, "reference": then and asdict(then), "current": now and asdict(now)}
                for name, then, now in self.cameras()
            ],
        }


def report(days: int | None = None, now: datetime | None = None) -> Report:
    """Compare the last ``days`` (LIVEGATE_DRIFT_DAYS) with the reference period. Raises ValueError unless days ≥ 1."""
    days, now = settings.LIVEGATE_DRIFT_DAYS if days is None else days, now or timezone.now()
    if not 1 <= days <= 3650:
        raise ValueError(f"The number of days must lie between 1 and 3650, got {days}.")
    model = ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE).first()
    if model is None:
        return Report(now, days, None, None, Sample(), [])
    then = reference(model, now)
    current = Sample()
    if then.until is not None:
        rows = _attempts(model).filter(created__gt=then.until, created__lte=now)
        rows = rows.filter(created__gte=now - timedelta(days=days))
        current = sample(rows.order_by("-created")[:_MOST], set(then.sample.cameras))
    return Report(now, days, model, then, current, compare(then.sample, current, then.complete))


def reference(model: ModelVersion, now: datetime) -> Reference:
    """The calibration period of a model: frozen, complete but not yet frozen, or still growing."""
    row = DriftReference.objects.filter(model=model).first()
    since = row.since if row else model.promoted or model.created
    wanted = max(settings.LIVEGATE_DRIFT_REFERENCE, FEWEST)
    if row and row.sample:
        frozen = Sample.read(row.sample)
        return Reference(frozen, since, datetime.fromisoformat(frozen.last or ""), wanted, row)
    found, complete = _first_attempts(model, since, wanted, now)
    until = datetime.fromisoformat(found.last) if complete and found.last else None
    return Reference(found, since, until, wanted, row)


def sample(rows: QuerySet[Attempt], named: set[str] | None = None) -> Sample:
    """Sum up attempts. named: cameras that keep their names, besides those with attempts enough of their own."""
    found = list(rows.values(*_FIELDS))
    opened = sorted(row["created"] for row in found)
    return Sample(
        n=len(found),
        first=opened[0].isoformat() if found else None,
        last=opened[-1].isoformat() if found else None,
        numbers={name: sorted(_finite(_number(row, name) for row in found)) for name in NUMBERS},
        outcomes=dict(Counter(_outcome(row) for row in found)),
        cameras=_by_camera(found, named or set()),
    )


def compare(before: Sample, now: Sample, complete: bool = True) -> list[Finding]:
    """Judge every measure, the most serious first; with an incomplete reference there is too little of everything.

    The customary steps of the PSI are taken as sizes of an effect, and chance has to be ruled out besides: with 50
    attempts two equal weeks exceed 0.1 in every third comparison. The probability of a false answer is shared among
    the measures (Bonferroni): WATCH has 0.01 of it in all, DRIFTED 0.001.
    """
    sizes = {name: _sizes(name, before, now) for name in (*NUMBERS, *MIXES, RATE)}
    enough = [name for name, pair in sizes.items() if complete and min(pair) >= FEWEST]
    found = []
    for name, (n_before, n_now) in sizes.items():
        if name in enough:
            level, figures = _judge(name, before, now, len(enough))
        else:
            level, figures = Level.TOO_FEW, {}
        found.append(Finding(name, level, n_before, n_now, figures))
    order = [Level.DRIFTED, Level.WATCH, Level.STEADY, Level.TOO_FEW]
    return sorted(found, key=lambda item: order.index(item.level))


def _judge(
    name: str, before: Sample, now: Sample, tests: int
) -> tuple[Level, dict[str, float | None]]:
    if name == RATE:
        return _judge_rate(before.abstentions(), now.abstentions(), tests)
    if name in MIXES:
        return _judge_mix(before.mix(name), now.mix(name), tests)
    return _judge_numbers(before.numbers[name], now.numbers[name], tests)


def _judge_numbers(
    before: list[float], now: list[float], tests: int
) -> tuple[Level, dict[str, float | None]]:
    edges = shift.quantile_edges(before, shift.bins_for(len(before), len(now)))
    counts = shift.histogram(before, edges), shift.histogram(now, edges)
    index, chance = _index(*counts)
    ks = shift.kolmogorov_smirnov(before, now)
    figures: dict[str, float | None] = {
        "psi": _round(index),
        "chance": chance,
        "ks": _round(ks.distance),
        "ks_p": ks.p,
        "median_reference": _round(median(before)),
        "median_current": _round(median(now)),
    }
    doubt = ks.p if chance is None else 2 * min(chance, ks.p)
    return _level(index, doubt, ks.p, tests), figures


def _judge_mix(
    before: dict[str, int], now: dict[str, int], tests: int
) -> tuple[Level, dict[str, float | None]]:
    _, *counts = shift.paired_counts(before, now)
    index, chance = _index(*counts)
    moved = shift.total_variation(*counts)
    figures: dict[str, float | None] = {
        "psi": _round(index),
        "chance": chance,
        "total_variation": _round(moved),
    }
    doubt = 1.0 if chance is None else chance
    return _level(index, doubt, doubt, tests), figures


def _judge_rate(
    before: tuple[int, int], now: tuple[int, int], tests: int
) -> tuple[Level, dict[str, float | None]]:
    plain = shift.rate_difference(before, now)
    doubtful = shift.rate_difference(before, now, 1 - _CHANCE_WATCH / tests)
    strict = shift.rate_difference(before, now, 1 - _CHANCE_DRIFTED / tests)
    size = abs(plain.value)
    level = Level.STEADY
    if size >= _RATE_WATCH and doubtful.clear:
        level = Level.DRIFTED if size > _RATE_DRIFTED and strict.clear else Level.WATCH
    rates = {"rate_reference": before[0] / before[1], "rate_current": now[0] / now[1]}
    rates |= {"difference": plain.value, "low": plain.low, "high": plain.high}
    return level, {name: _round(value) for name, value in rates.items()}


def _index(before: shift.Counts, now: shift.Counts) -> tuple[float, float | None]:
    """PSI and the probability of it by chance; None where the index is steady anyway, because dealing takes time."""
    index = shift.psi(before, now)
    return index, shift.psi_chance(before, now) if index >= _PSI_WATCH else None


def _level(index: float, doubt: float, strict: float, tests: int) -> Level:
    """index: the PSI; doubt, strict: probabilities of chance for WATCH and for DRIFTED."""
    if index > _PSI_DRIFTED and strict < _CHANCE_DRIFTED / tests:
        return Level.DRIFTED
    return Level.WATCH if index >= _PSI_WATCH and doubt < _CHANCE_WATCH / tests else Level.STEADY


def _attempts(model: ModelVersion) -> QuerySet[Attempt]:
    """Ended attempts of this model whose frames were measured."""
    return Attempt.objects.filter(
        model_sha256=model.sha256, closed__isnull=False, measures__isnull=False
    )


def _first_attempts(
    model: ModelVersion, since: datetime, wanted: int, now: datetime
) -> tuple[Sample, bool]:
    """Those that make the reference, and whether they are all: so many, or, once its days are over, enough."""
    rows = _attempts(model).filter(created__gte=since, created__lte=now).order_by("created")
    began = rows.values_list("created", flat=True).first() or now
    # Attempts must not be deleted before the period is over.
    days = min(settings.LIVEGATE_DRIFT_REFERENCE_DAYS, settings.LIVENESS_ATTEMPT_DAYS // 2)
    over = began + timedelta(days=days)
    if now >= over:
        wanted = min(wanted, max(rows.filter(created__lt=over).count(), FEWEST))
    found = sample(rows[:wanted])
    return found, found.n >= wanted


def _sizes(name: str, before: Sample, now: Sample) -> tuple[int, int]:
    if name == RATE:
        return before.abstentions()[1], now.abstentions()[1]
    if name in MIXES:
        return sum(before.mix(name).values()), sum(now.mix(name).values())
    return len(before.numbers.get(name, [])), len(now.numbers.get(name, []))


def _number(row: dict[str, Any], name: str) -> float | None:
    value = row["pooled"] if name == "score" else (row["measures"] or {}).get(name)
    return value if isinstance(value, int | float) else None


def _finite(values: Iterable[float | None]) -> list[float]:
    return [round(float(value), 4) for value in shift.finite(values)]


def _outcome(row: dict[str, Any]) -> str:
    """Liveness alone: a living face that was somebody else's has passed here."""
    states = Attempt.State
    if row["state"] == states.FAILED and row["reason"] != NO_MATCH:
        return Outcome.REFUSED.value
    ended = {states.ABSTAINED: Outcome.ABSTAINED, states.ABANDONED: Outcome.ABANDONED}
    return {**ended, states.ERROR: Outcome.ERROR}.get(row["state"], Outcome.PASSED).value


def _by_camera(rows: list[dict[str, Any]], named: set[str]) -> dict[str, CameraPart]:
    """Attempts whose browser did not name its camera are left out; rare cameras are put together."""
    often = Counter(row["camera"] for row in rows if row["camera"])
    kept = named | {name for name, n in often.most_common(_CAMERAS_SHOWN) if n >= _NAMED_FROM}
    parts: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["camera"]:
            name = row["camera"] if row["camera"] in kept else OTHER_CAMERAS
            parts.setdefault(name, []).append(row)
    return {name: _part(mine) for name, mine in parts.items()}


def _part(rows: list[dict[str, Any]]) -> CameraPart:
    scores = _finite(row["pooled"] for row in rows)
    outcomes = dict(Counter(_outcome(row) for row in rows))
    return CameraPart(len(rows), outcomes, median(scores) if scores else None)


def _size(part: Sample) -> dict[str, Any]:
    return {"n": part.n, "first": part.first, "last": part.last}


def _round(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
