"""manage.py benchmark: how long one look takes here, beside the predecessor's pipeline when its files are at hand."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from liveness.engine import benchmark, frames
from liveness.engine.bundle import BUNDLED, BundleError
from liveness.engine.look import open_engine
from liveness.engine.weights import WeightsError


class Command(BaseCommand):
    help = "Time one look (JPEG to verdict, one thread), and the predecessor's pipeline in turn."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("image", type=Path, help="a 640×480 JPEG with one face")
        parser.add_argument("--bundle", type=Path, default=BUNDLED, help="a bundle folder")
        parser.add_argument("--seed", type=Path, help="folder of the predecessor's ONNX files")
        parser.add_argument("--rounds", type=int, default=100)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            engine = open_engine(options["bundle"])
            seed = benchmark.SeedPipeline(options["seed"]) if options["seed"] else None
            jpeg = _camera_frame(options["image"])
        except (BundleError, WeightsError, frames.FrameError, OSError) as error:
            raise CommandError(str(error)) from error
        if engine.look(jpeg).face is None:
            raise CommandError("There is no face in this picture.")
        self._print(benchmark.measure(benchmark.steps(engine, seed, jpeg), options["rounds"]))

    def _print(self, timings: list[benchmark.Timing]) -> None:
        self.stdout.write(f"{'ms on one thread':24}{'p10':>8}{'median':>8}{'p90':>8}")
        for row in timings:
            self.stdout.write(f"{row.step:24}{row.p10:8.2f}{row.median:8.2f}{row.p90:8.2f}")
        looks = [row.median for row in timings if row.step.endswith("one look")]
        if len(looks) == 2:
            self.stdout.write(f"ours / predecessor (medians): {looks[0] / looks[1]:.2f}")


def _camera_frame(path: Path) -> bytes:
    """The picture as a webcam would send it: a JPEG of 640×480."""
    picture = frames.decode(path.read_bytes(), frames.FILE_LIMITS, ("JPEG", "PNG"))
    return frames.encode_jpeg(frames.fit(picture, 640, 480))
