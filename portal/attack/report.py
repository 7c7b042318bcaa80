"""The day as a table."""

from typing import Any

_SHOWN = 4


def table(found: dict[str, Any]) -> str:
    """A Markdown table by kind, then the figures of the day."""
    rows = ["| kind | tries | got in | how it was refused |", "|---|---|---|---|"]
    for name, kind in found["kinds"].items():
        rows.append(f"| {name} | {kind['tries']} | {kind['let_in']} | {_ways(kind['refused'])} |")
    rows.append(f"| all | {found['attempts']} | {found['let_in']} | |")
    return "\n".join([*rows, "", *_figures(found)])


def _ways(refused: dict[str, int]) -> str:
    ways = [f"{count} × {way}" for way, count in list(refused.items())[:_SHOWN]]
    rest = sum(list(refused.values())[_SHOWN:])
    return ", ".join([*ways, f"{rest} × otherwise"] if rest else ways)


def _figures(found: dict[str, Any]) -> list[str]:
    memory, minutes = found["memory"], found["seconds"] / 60
    lines = [
        f"{found['attempts']} attempts in {minutes:.1f} minutes; {found['let_in']} got in, {found['broken']} broke the server.",
        f"Memory of the server: {memory['begin_mb']} MB at the beginning, {memory['after_warm_up_mb']} MB after the first "
        f"quarter, {memory['end_mb']} MB at the end; last third against first third after that {memory['growth']:+.1%}, "
        f"line {memory['mb_a_minute']:+.2f} MB a minute; open files {memory['files_after_warm_up']:.0f} → "
        f"{memory['files_at_the_end']:.0f}.",
    ]
    visits = ", ".join(f"{seconds} s" for seconds in found["owners_seconds"])
    lines.append(f"Owners who signed in with their face meanwhile took {visits}." if visits else "")
    lines += [
        f"Telling somebody from nobody by the time of {step}: AUC {timed['auc']:.3f} ± {timed['error']:.3f} "
        f"({timed['tries']} times; medians {1000 * timed['somebody']:.0f} and {1000 * timed['nobody']:.0f} ms)."
        for step, timed in found["timing"].items()
    ]
    return [line for line in lines if line]
