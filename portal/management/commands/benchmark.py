"""manage.py benchmark: what one look costs here, stage by stage, beside the predecessors where their files are at hand."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from accounts import matching
from liveness.engine import benchmark, frames
from liveness.engine.bundle import BUNDLED, BundleError
from liveness.engine.contestants import OpenCVPipeline, OurPipeline, SeedPipeline
from liveness.engine.look import open_engine
from liveness.engine.weights import WeightsError
from portal import page
from portal.demo import clips

# By name: it needs PyTorch to read Silent-Face's weights, and no other command of the portal may load that.
_SILENTFACE = "training.predecessors.SilentFacePipeline"


class Command(BaseCommand):
    help = "Time one look and its stages, on one thread and on several."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("image", type=Path, nargs="?", help="a JPEG with one face")
        parser.add_argument("--bundle", type=Path, default=BUNDLED, help="a bundle folder")
        parser.add_argument("--seed", type=Path, help="folder of the predecessor's ONNX files")
        parser.add_argument("--silentface", type=Path, help="folder of Silent-Face's files")
        parser.add_argument("--rounds", type=int, default=100)
        parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
        parser.add_argument("--json", type=Path, metavar="FILE", help="file for the figures")
        parser.add_argument("--check", action="store_true", help="exit 1 where a ratio falls short")
        parser.add_argument("--page", type=Path, help="Markdown page whose table is made anew")

    def handle(self, *args: Any, **given: Any) -> None:
        try:
            jpeg = _camera_frame(given["image"])
            pipelines = _pipelines(given, jpeg)
        except (BundleError, WeightsError, frames.FrameError, OSError, ImportError) as error:
            raise CommandError(str(error)) from error
        report = self._measured(pipelines, jpeg, given["rounds"], given["threads"])
        text = "\n".join(_lines(report))
        self.stdout.write(text)
        if given["json"]:
            given["json"].write_text(json.dumps(report.as_dict(), indent=2) + "\n", "utf-8")
        if given["page"]:
            page.rewrite(given["page"], "benchmark", text)
        if given["check"] and report.shortfalls():
            raise CommandError("Too slow: " + "; ".join(report.shortfalls()) + ".")

    def _measured(
        self, pipelines: list[benchmark.Pipeline], jpeg: bytes, rounds: int, threads: int
    ) -> benchmark.Report:
        report = benchmark.Report(rounds)
        report.note_load()
        report.timings = benchmark.measure(pipelines, jpeg, rounds)
        report.together = benchmark.measure_together(pipelines, jpeg, rounds, threads)
        report.note_load()
        return report


def _pipelines(given: dict[str, Any], jpeg: bytes) -> list[benchmark.Pipeline]:
    engine = open_engine(given["bundle"])
    if engine.look(jpeg).face is None:
        raise CommandError("There is no face in this picture.")
    nobody = None  # costs as much as anybody
    found: list[benchmark.Pipeline] = [
        OurPipeline(engine, lambda embedding: matching.match(nobody, embedding)),
        OpenCVPipeline(),
    ]
    if given["seed"]:
        found.append(SeedPipeline(given["seed"]))
    if given["silentface"]:
        found.append(import_string(_SILENTFACE)(given["silentface"]))
    return found


def _camera_frame(path: Path | None) -> bytes:
    """The picture as a webcam would send it, a JPEG of 640×480; without one, a portrait of the collection."""
    if path is None:
        return clips.live_clip("obama-2010", frames=1)[0]
    picture = frames.decode(path.read_bytes(), frames.FILE_LIMITS, ("JPEG", "PNG"))
    return frames.encode_jpeg(frames.fit(picture, 640, 480))


def _lines(report: benchmark.Report) -> list[str]:
    """Markdown."""
    lines = [
        "One thread, milliseconds of processor time:",
        "",
        "| pipeline | stage | p50 | p95 | p99 |",
        "|---|---|--:|--:|--:|",
    ]
    lines += [
        f"| {row.pipeline} | {row.stage} | {row.p50:.2f} | {row.p95:.2f} | {row.p99:.2f} |"
        for row in report.timings
    ]
    threads = report.together[0].threads
    lines += [
        "",
        f"{threads} threads at once, milliseconds on the clock for one look:",
        "",
        "| pipeline | looks a second | p50 | p95 | p99 |",
        "|---|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row.pipeline} | {row.looks_per_second:.0f} | {row.p50:.1f} | {row.p95:.1f} | {row.p99:.1f} |"
        for row in report.together
    ]
    lines += ["", "| ratio of medians | measured | at most |", "|---|--:|--:|"]
    lines += [
        f"| {target.name}: {target.over[0]} / {target.under[0]} | {ratio:.2f} | {target.most:.2f} |"
        for target, ratio in report.ratios()
    ]
    loads = " and ".join(f"{load:.1f}" for load in report.load)
    return [*lines, "", f"{report.rounds} rounds; runnable processes a core: {loads}."]
