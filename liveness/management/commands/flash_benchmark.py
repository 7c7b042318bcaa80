"""manage.py flash_benchmark: how well the colours of the screen work, under simulated light on real frames."""

import itertools
import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from liveness.engine import flash_benchmark
from liveness.engine.flash_benchmark import Line
from liveness.engine.frames import FrameError
from liveness.engine.manifests import ManifestError


class Command(BaseCommand):
    help = "Simulate faces and attacks in the light of a screen; ends with 1 when the answers are not good enough."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--data", type=Path, required=True, help="CSV: path, x, y, w, h of live frames"
        )
        parser.add_argument("--count", type=int, default=60, help="rounds for each line")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--json", type=Path, help="write the figures here too")

    def handle(self, *args: Any, **options: Any) -> None:
        rng = np.random.default_rng(options["seed"])
        try:
            found = flash_benchmark.sitters(options["data"])
            people = list(itertools.islice(found, options["count"]))
            lines = []
            self._write(_HEAD)
            for subject, lux in flash_benchmark.plan():
                lines.append(flash_benchmark.measure(people, subject, lux, rng))
                self._write(_row(lines[-1]))
        except (ManifestError, FrameError, ValueError) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            options["json"].write_text(json.dumps([line.row() for line in lines], indent=1))
        problems = flash_benchmark.shortfalls(lines)
        if problems:
            raise CommandError("Not good enough: " + "; ".join(problems) + ".")
        self._write("Good enough.")

    def _write(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


_HEAD = f"{'':<28}{'lux':>6}{'rounds':>8}{'AUC':>8}{'correct':>9}{'wrong':>8}{'abstain':>9}{'by chance':>11}"


def _row(line: Line) -> str:
    return (
        f"{line.subject:<28}{line.lux:>6}{line.rounds:>8}{line.auc:>8.4f}{line.correct:>9.1%}"
        f"{line.wrong:>8.1%}{line.abstain:>9.1%}{line.chance:>11.3%}"
    )
