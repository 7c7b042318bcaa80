"""Lists of labelled pictures in CSV, and how well scores separate their labels, camera by camera."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from liveness.engine import metrics
from liveness.engine.crops import Box

Row = Mapping[str, str]


class ManifestError(ValueError):
    """The CSV cannot be used; says which line and why."""


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV with a column ``path``. Raises ManifestError."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path} cannot be read: {error}") from error
    if "path" not in (reader.fieldnames or ()):
        raise ManifestError(f"{path} has no column named path.")
    return rows


def box_of(row: Row) -> Box | None:
    """The row's face box in pixels; None where a column is missing or empty. Raises ManifestError."""
    values = [row.get(name) or "" for name in ("x", "y", "w", "h")]
    if not all(values):
        return None
    try:
        return Box(*(float(value) for value in values))
    except ValueError as error:
        raise ManifestError(f"{row['path']}: the box {','.join(values)} is no box.") from error


def table(rows: Sequence[Row], columns: Sequence[str]) -> list[str]:
    """Lines of a table: AUC, EER and BPCER at APCER 1 % of each score column, domain by domain and pooled.

    rows need ``domain`` and ``label`` (live or anything else); a row without a number in a column is left out there.
    """
    lines = [
        f"{'domain':<12}{'column':<16}{'live':>6}{'attack':>8}{'AUC':>8}{'EER':>8}{'BPCER@1%':>10}"
    ]
    for domain in [*sorted({row["domain"] for row in rows}), "pooled"]:
        chosen = [row for row in rows if domain in ("pooled", row["domain"])]
        lines += [f"{domain:<12}{_line(chosen, column)}" for column in columns]
    return lines


def _line(rows: Iterable[Row], column: str) -> str:
    scores: dict[bool, list[float]] = {True: [], False: []}
    for row in rows:
        if row.get(column):
            scores[row["label"] == "live"].append(float(row[column]))
    live, attacks = scores[True], scores[False]
    counted = f"{column:<16}{len(live):>6}{len(attacks):>8}"
    if not live or not attacks:
        return f"{counted}{'–':>8}{'–':>8}{'–':>10}"
    eer, _ = metrics.eer(live, attacks)
    refused, _ = metrics.bpcer_at_apcer(live, attacks, 0.01)
    return f"{counted}{metrics.auc(live, attacks):>8.4f}{eer:>8.2%}{refused.rate:>10.2%}"
