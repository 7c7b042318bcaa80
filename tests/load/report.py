"""The results as a Markdown table and as curves."""

import os
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot

from tests.load.figures import CAMERAS, RATE, Results, Window

mpl.use("Agg")


def markdown(results: Results, picture: str = "") -> str:
    rows = [*results.curve, *results.line, *results.replicas]
    lines = [
        "| what | cameras | frames | a second each | p50 ms | p95 ms | p99 ms | Jain | ms of processor a frame | lost | others |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(_row(row) for row in rows),
    ]
    if results.curve:
        cost, cores = results.curve[-1].cost, os.cpu_count() or 1
        fits = 1000 * cores / (cost * RATE)
        lines += [
            "",
            f"At {cost:.1f} ms a frame, {cores} processors that nobody else uses are full with {fits:.0f} cameras.",
        ]
    if results.scaling is not None:
        clock = f"{results.clock_scaling:.2f} on the clock"
        lines += ["", f"Two replicas carry {results.scaling:.2f} times what one does; {clock}."]
    if results.waits:
        told, true = (float(np.median(column)) for column in zip(*results.waits, strict=True))
        count = len(results.waits)
        lines += [
            "",
            f"{count} waits in line: {told:.0f} s announced, {true:.0f} s true (medians).",
        ]
    if results.growth is not None:
        frames, size = results.memory[-1]
        lines += [
            "",
            f"Memory over {frames:,} frames: {size:.0f} MB at the end, "
            f"{100 * (results.growth - 1):+.1f} % from the second third to the last.",
        ]
    if picture:
        lines += ["", f"![Time to answer over cameras, and memory over frames]({picture})"]
    return "\n".join(lines)


def draw(results: Results, path: Path) -> None:
    """Curves as a PNG: time to answer and frames a second over cameras; memory over frames."""
    figure, (speed, memory) = pyplot.subplots(1, 2, figsize=(9, 3.4), dpi=110)
    cameras = [row.cameras for row in results.curve]
    for name, label in (("p50", "median"), ("p95", "95 %"), ("p99", "99 %")):
        speed.plot(cameras, [getattr(row, name) for row in results.curve], marker="o", label=label)
    speed.axhline(150, color="grey", linestyle=":", linewidth=1)
    speed.axvline(CAMERAS, color="grey", linestyle=":", linewidth=1)
    speed.set(xlabel="cameras, 8 frames a second each", ylabel="ms to the answer", yscale="log")
    speed.legend(frameon=False)
    frames, sizes = zip(*(results.memory or [(0, 0.0)]), strict=True)
    memory.plot(frames, sizes)
    memory.set(xlabel="frames", ylabel="MB held by the server", ylim=(0, None))
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
    pyplot.close(figure)


def _row(row: Window) -> str:
    times = f"{row.p50:.0f} | {row.p95:.0f} | {row.p99:.0f}"
    return (
        f"| {row.what} | {row.cameras} | {row.frames:,} | {row.rate:.1f} | {times} | {row.jain:.3f} "
        f"| {row.cost:.1f} | {len(row.lost)} | {100 * row.others:.0f} % |"
    )
