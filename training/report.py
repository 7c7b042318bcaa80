"""Figures for people: tables for a terminal, one self-contained page, and limits that a build can stand on."""

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string

Figures = Mapping[str, Any]

NONE = "–"


@dataclass(frozen=True)
class Plot:
    """name: of the file, without its ending; alt: what the picture says, for those who do not see it."""

    name: str
    title: str
    alt: str
    png: bytes

    @property
    def data(self) -> str:
        """The PNG in base64, for a data URI."""
        return base64.b64encode(self.png).decode()


@dataclass(frozen=True)
class Table:
    """A caption, the columns' names, and rows whose first cell names the row; ``note``: what to know about it.

    leads: whether the first row is the one to look at.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    leads: bool = True


@dataclass(frozen=True)
class Limit:
    """A figure that must not exceed a limit: its name in words, and where it stands in a report."""

    words: str
    find: Callable[[Figures], float | None]


LIMITS = {
    "max_apcer": Limit("APCER of the worst species", lambda r: r["headline"]["apcer"]["rate"]),
    "max_bpcer": Limit("BPCER", lambda r: r["headline"]["bpcer"]["rate"]),
    "max_bpnrr": Limit("BPNRR", lambda r: r["frames"]["pooled"]["bpnrr"]["rate"]),
    "max_eer_mean": Limit("mean EER of the cameras", lambda r: r["headline"]["eer_mean"]),
    "max_eer_worst": Limit("EER of the worst camera", lambda r: r["headline"]["eer_worst"]),
    "max_session_apcer": Limit(
        "APCER of attempts", lambda r: r["headline"]["session_apcer"]["rate"]
    ),
    "max_session_bpcer": Limit(
        "BPCER of attempts", lambda r: r["headline"]["session_bpcer"]["rate"]
    ),
    "max_changes": Limit(
        "share of decisions changed by a moved box", lambda r: _changed(r, "moves")
    ),
    "max_mirrored": Limit(
        "share of decisions changed by mirroring", lambda r: _changed(r, "mirrored")
    ),
}
"""Limits by the option that sets them; every one is a share in 0–1."""


def shortfalls(report: Figures, limits: Mapping[str, float]) -> list[str]:
    """What exceeds its limit, or could not be measured, in words; empty when all holds."""
    found = []
    for name, limit in limits.items():
        value = LIMITS[name].find(report)
        if value is None:
            found.append(f"{LIMITS[name].words} could not be measured")
        elif value > limit:
            found.append(f"{LIMITS[name].words} is {share(value)}, more than {share(limit)}")
    return found


def text(report: Figures) -> str:
    """Headline, species and cameras as plain tables, worst first."""
    frames = report["frames"]
    tables = [headline(report), species(frames), cameras(frames)]
    return "\n\n".join(_plain(table) for table in tables if table.rows)


def page(report: Figures, plots: Sequence[Plot]) -> str:
    """One HTML page that needs nothing else: images inside, no script."""
    context = {
        "report": report,
        "verdict": verdict(report),
        "facts": _facts(report),
        "sections": [(name, [t for t in made if t.rows]) for name, made in _sections(report)],
        "plots": plots,
    }
    return render_to_string("training/report.html", context)


def verdict(report: Figures) -> str:
    """The headline in a sentence."""
    head = report["headline"]
    name, apcer, bpcer = head["species"], head["apcer"], head["bpcer"]
    passed = (
        f"{share(apcer['rate'])} of the {name} attack frames pass"
        if name
        else "No attack was judged"
    )
    refused = f"{share(bpcer['rate'])} of the bona fide frames are refused"
    if not bpcer["n"]:
        refused = "no bona fide frame was judged"
    worst = " (the worst species)" if len(report["frames"]["species"]) > 1 else ""
    return f"{passed}{worst}; {refused}."


def headline(report: Figures) -> Table:
    """What a reader should see if they see one table only."""
    frames, sessions = report["frames"], report["sessions"]
    pooled, eer = frames["pooled"], frames["eer_by_camera"]
    rows = [
        *_error_rows(pooled, "frames"),
        *_error_rows(sessions["pooled"], "attempts"),
        ("EER, mean of cameras", share(eer["mean"]), span(eer["interval95"]), _count(eer)),
        ("EER, worst camera", share(eer["worst"]), *_worst_camera(eer)),
        ("EER, pooled frames", share(pooled["eer"]), NONE, "not normative"),
        ("AUC, pooled frames", _decimal(pooled["auc"]), NONE, "not normative"),
        ("ACER, frames", share(pooled["acer_not_normative"]), NONE, "not normative"),
    ]
    columns = ("Figure", "Value", "95 % interval", "Basis")
    return Table("The figures that count", columns, tuple(rows))


def species(level: Figures) -> Table:
    """Errors and abstentions of each PAI species."""
    rows = [
        (row["name"], *_rate(row["apcer"]), counts(row["apcer"]), *_rate(row["apnrr"]))
        for row in level["species"]
    ]
    columns = ("PAI species", "APCER", "95 % interval", "accepted", "APNRR", "95 % interval")
    return Table("PAI species, worst first", columns, tuple(rows))


def cameras(level: Figures) -> Table:
    """Errors and abstentions of each camera."""
    each = {row["name"]: row for row in level["eer_by_camera"]["each"]}
    rows = [
        (
            row["name"],
            f"{row['bona_fide']:,} + {row['attacks']:,}",
            share(row["eer"]),
            span(each[row["name"]]["interval95"]) if row["name"] in each else NONE,
            _of_species(row),
            *_rate(row["bpcer"]),
            f"{share(row['apnrr']['rate'])} / {share(row['bpnrr']['rate'])}",
        )
        for row in level["cameras"]
    ]
    columns = (
        "Camera",
        "bona fide + attacks",
        "EER",
        "95 % interval",
        "APCER, worst species",
        "BPCER",
        "95 % interval",
        "APNRR / BPNRR",
    )
    note = "EER at each camera's own best threshold; APCER and BPCER at the threshold of the model."
    return Table("Cameras, worst first", columns, tuple(rows), note)


def low_error_rates(report: Figures) -> Table:
    """TPR at small FPRs, where there are enough attacks to speak of them."""
    pooled = report["frames"]["pooled"]
    n = pooled["attacks"] - pooled["apnrr"]["errors"]
    rows = [
        (
            f"{row['fpr']:.0e}".replace("e-0", "e-"),
            *(_rate(row["tpr"]) if row["tpr"] else (f"not supported by n = {n:,}", NONE)),
            f"{row['needed']:,}",
        )
        for row in pooled["tpr_at_fpr"]
    ]
    note = (
        "An FPR is supported when zero accepted attacks among n would show it at 95 % confidence "
        "(the rule of 3 of ISO/IEC 19795-1, exactly: (1 − FPR)ⁿ ≤ 0.05)."
    )
    columns = ("FPR", "TPR (bona fide accepted)", "95 % interval", "attacks needed")
    return Table(
        "Bona fide accepted where few attacks pass", columns, tuple(rows), note, leads=False
    )


def no_decision(report: Figures) -> Table:
    """Why frames were left without a decision."""
    rows = [
        (row["reason"].replace("_", " "), f"{row['bona_fide']:,}", f"{row['attacks']:,}")
        for row in report["no_decision"]
    ]
    columns = ("Reason", "bona fide", "attacks")
    return Table("Frames without a decision", columns, tuple(rows))


def robustness(report: Figures) -> Table:
    """Decisions that change when the box moves or the picture is mirrored."""
    found = report["robustness"]
    if not found:
        return Table("", (), ())
    rows = [("all moves together", found["moves"]), ("mirrored picture", found["mirrored"])]
    rows += [(row["move"], row) for row in found["each"]]
    met = "met" if found["met"] else "not met"
    note = (
        f"Requirement: moves, and mirroring, let in or keep out at most {share(found['limit'])} of the frames that they did not: "
        f"{met}. An answer is one of accepted, refused and undecided."
    )
    columns = (
        "Change",
        "lets in or keeps out",
        "95 % interval",
        "frames",
        "another answer",
        "attempts",
    )
    cells = tuple(
        (
            *(name, *_rate(row["changed"]), counts(row["changed"])),
            *(share(row["answers"]["rate"]), share(row["changed_sessions"]["rate"])),
        )
        for name, row in rows
    )
    return Table("Decisions that change with the face box", columns, cells, note)


def share(rate: float | None) -> str:
    """A rate in 0–1 as percent; a dash for none."""
    return NONE if rate is None or math.isnan(rate) else f"{100 * rate:.2f} %"


def span(bounds: Sequence[float] | None) -> str:
    """An interval as percent."""
    return NONE if bounds is None else f"{100 * bounds[0]:.1f}–{100 * bounds[1]:.1f} %"


def counts(proportion: Figures) -> str:
    """Errors of trials, as in 3 of 150."""
    return f"{proportion['errors']:,} of {proportion['n']:,}"


def _error_rows(group: Figures, what: str) -> list[tuple[str, ...]]:
    name = group["worst_species"] or "no species"
    figures = {
        f"APCER, {what}, worst species: {name}": "apcer",
        f"BPCER, {what}": "bpcer",
        f"APNRR, {what}": "apnrr",
        f"BPNRR, {what}": "bpnrr",
    }
    return [(words, *_rate(group[key]), counts(group[key])) for words, key in figures.items()]


def _sections(report: Figures) -> list[tuple[str, list[Table]]]:
    frames, sessions = report["frames"], report["sessions"]
    return [
        ("Headline", [headline(report)]),
        ("Single frames", [species(frames), cameras(frames), low_error_rates(report)]),
        ("Whole attempts", [species(sessions), cameras(sessions)]),
        ("No decision", [no_decision(report)]),
        ("Robustness", [robustness(report)]),
    ]


def _facts(report: Figures) -> list[tuple[str, str]]:
    pooled, sessions = report["frames"]["pooled"], report["sessions"]
    rules = sessions["rules"]
    attempts = sessions["pooled"]["bona_fide"] + sessions["pooled"]["attacks"]
    facts = {
        "Frames": f"{pooled['bona_fide']:,} bona fide, {pooled['attacks']:,} attacks, "
        f"{len(report['frames']['cameras'])} cameras",
        "Attempts": f"{attempts:,}, each of {rules['judged']} judged frames of which {rules['live']} must be live, "
        f"and of up to {rules['patience'] * rules['judged']} while undecided; "
        f"{sessions['left_over']:,} frames left over",
        "Threshold": ", ".join(f"{value:.4f}" for value in report["threshold"]),
        "Made": report["created"],
    }
    return [
        *((key.capitalize(), str(value)) for key, value in report["about"].items()),
        *facts.items(),
    ]


def _rate(proportion: Figures) -> tuple[str, str]:
    if not proportion["n"]:
        return NONE, NONE
    return share(proportion["rate"]), span(proportion["interval95"])


def _of_species(row: Figures) -> str:
    name = row["worst_species"]
    return f"{share(row['apcer']['rate'])} {name}" if name else NONE


def _count(eer: Figures) -> str:
    return f"{len(eer['each'])} cameras with both classes"


def _worst_camera(eer: Figures) -> tuple[str, str]:
    row = eer["each"][0] if eer["each"] else None
    return (span(row["interval95"]), row["name"]) if row else (NONE, NONE)


def _decimal(value: float | None) -> str:
    return NONE if value is None else f"{value:.4f}"


def _changed(report: Figures, kind: str) -> float | None:
    found = report["robustness"]
    rate: float | None = found[kind]["changed"]["rate"] if found else None
    return rate


def _plain(table: Table) -> str:
    """Columns in equal widths: the first to the left, the others to the right."""
    lines = [table.columns, *table.rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.columns))]
    cells = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join([table.caption, *(line.rstrip() for line in cells)])
