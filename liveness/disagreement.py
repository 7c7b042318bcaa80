"""How the shadow model's outcomes differ from those of the champions that decided."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from liveness.models import Attempt, ModelVersion

_MOST = 5000
_LISTED = 100
OUTCOMES = ("pass", "fail")


@dataclass(frozen=True)
class Disagreement:
    """table: (champion's, shadow's outcome) → attempts; incomplete: not decided by one of them, or frames are missing.

    cameras: [name, compared, differing], most differing first; attempts: those that differ, newest first, with the
    shadow's opinion; dropped, failed: frames.
    """

    n: int
    table: list[dict[str, Any]]
    differing: int
    incomplete: int
    cameras: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    dropped: int
    failed: int

    def as_dict(self) -> dict[str, Any]:
        """For the REST API and the command line."""
        listed = [{**row, "attempt": str(row["attempt"].pk)} for row in self.attempts]
        return {**vars(self), "attempts": listed}


def count(model: ModelVersion) -> int:
    """Attempts that a model has scored as a shadow."""
    return Attempt.objects.filter(shadow__sha256=model.sha256).count()


def of(model: ModelVersion) -> Disagreement:
    """Over the latest 5,000 attempts that the model has scored as a shadow."""
    rows = Attempt.objects.filter(shadow__sha256=model.sha256).order_by("-created")
    found = list(rows.only("pk", "created", "camera", "state", "label", "pooled", "shadow")[:_MOST])
    said: list[dict[str, Any]] = [row.shadow or {} for row in found]
    pairs = [(row, (own["champion"], own["verdict"])) for row, own in zip(found, said, strict=True)]
    decided = [(row, pair) for row, pair in pairs if set(pair) <= set(OUTCOMES)]
    differing = [row for row, (champion, shadow) in decided if champion != shadow]
    return Disagreement(
        n=len(decided),
        table=_table(Counter(pair for _, pair in decided)),
        differing=len(differing),
        incomplete=len(found) - len(decided),
        cameras=_cameras([row for row, _ in decided], differing),
        attempts=[_listed(row) for row in differing[:_LISTED]],
        dropped=sum(own["dropped"] for own in said),
        failed=sum(own["failed"] for own in said),
    )


def _table(counts: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    """One row a champion's outcome, one number a shadow's outcome."""
    return [{"champion": own, **{o: counts[own, o] for o in OUTCOMES}} for own in OUTCOMES]


def _cameras(decided: list[Attempt], differing: list[Attempt]) -> list[dict[str, Any]]:
    every = Counter(row.camera for row in decided)
    other = Counter(row.camera for row in differing)
    rows = [{"name": name, "n": n, "differing": other[name]} for name, n in every.items()]
    return sorted(rows, key=lambda row: (-row["differing"], row["name"]))


def _listed(row: Attempt) -> dict[str, Any]:
    shadow = row.shadow or {}
    return {
        "attempt": row,
        "champion": shadow["champion"],
        "verdict": shadow["verdict"],
        "champion_pooled": row.pooled,
        "pooled": shadow["pooled"],
        "label": row.label,
    }
