"""Which reviewed attempts a run is built on, fixed when it is requested; and who of them is never trained on.

Part of the people stays unseen, so that the gate can ask how well a model does on
faces of this site that it does not know. A person's side follows from the pseudonym, so that it seldom changes; who
was once trained on is never judged, because the next model goes on from the weights of the last.
"""

import csv
import hashlib
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypedDict

from django.conf import settings

from liveness.models import Attempt
from training import reviewed

MERGED = "data.csv"
SHARE = 0.3
"""Share of the people, at most, that is kept as the site's benchmark."""


class Frozen(TypedDict):
    """One attempt as it was when the run was requested; digest: of its camera and its sealed frames."""

    id: str
    label: str
    digest: str


@dataclass(frozen=True)
class Choice:
    """Which of the usable reviewed attempts: none of them, those of one camera ("" for all), those since a day."""

    reviewed: bool = True
    camera: str = ""
    since: date | None = None

    def takes(self, attempt: Attempt) -> bool:
        if not self.reviewed or (self.camera and attempt.camera != self.camera):
            return False
        return self.since is None or attempt.created.date() >= self.since


def freeze(attempts: Iterable[Attempt]) -> list[Frozen]:
    """Attempts as they are now, in the order of their ids."""
    rows = [Frozen(id=str(row.pk), label=row.label, digest=digest(row)) for row in attempts]
    return sorted(rows, key=lambda row: row["id"])


def changed(frozen: Iterable[Frozen]) -> list[str]:
    """Ids of attempts that may no longer be used as they were frozen: erased, withdrawn, relabelled, altered."""
    wanted = list(frozen)
    found, _ = reviewed.usable(Attempt(pk=row["id"]) for row in wanted)
    now = {row["id"]: row for row in freeze(found)}
    return [row["id"] for row in wanted if now.get(row["id"]) != row]


def digest(attempt: Attempt) -> str:
    """SHA-256 over the camera and the sealed frames, which stay as they are until they are erased."""
    total = hashlib.sha256(attempt.camera.encode())
    for kind, at, jpeg in reviewed.pictures(attempt).values_list("kind", "at", "jpeg"):
        total.update(f"{kind} {at!r} {hashlib.sha256(bytes(jpeg)).hexdigest()}".encode())
    return total.hexdigest()


def held_out(attempts: Iterable[Attempt]) -> frozenset[str]:
    """Pseudonyms of the people who are judged and not trained on: at most SHARE of them, rounded up, and one of two."""
    people = {row.user_id: reviewed.pseudonyms(row.user_id) for row in attempts if row.user_id}
    return frozenset(_held_out({reviewed.subject_of(pk): names for pk, names in people.items()}))


def _held_out(people: Mapping[str, Collection[str]]) -> list[str]:
    known = trained_on()
    fresh = sorted(name for name, names in people.items() if known.isdisjoint(names))
    most = math.ceil(SHARE * len(people))
    held = [name for name in fresh if _share(name) < SHARE][:most]
    if len(people) < 2:
        return []
    held = held or fresh[:1]
    return held[:-1] if len(held) == len(people) else held


def _share(pseudonym: str) -> float:
    """0–1, evenly spread, and rising with the pseudonym."""
    return int(pseudonym[:8], 16) / 16**8


def trained_on() -> frozenset[str]:
    """Subjects of the train rows of all runs whose data is still there; an erased person has no rows left."""
    names: set[str] = set()
    for path in (Path(settings.VAR) / "training").glob(f"run-*/{MERGED}"):
        with path.open(newline="", encoding="utf-8") as file:
            names |= {row["subject"] for row in csv.DictReader(file) if row["split"] == "train"}
    return frozenset(names - {""})
