"""Leave one camera out with the serving engine: train every fold, score what it never saw, write one report."""

import shlex
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from training.cross_validation import CrossValidation, Fold, FoldError
from training.report import LIMITS

_FOLDS = "cam04,cam06,cam07,cam08,cam11,cam13,cam14,cam15,cam16,cam17,cam18"


class Command(BaseCommand):
    help = (
        "Train a network for each fold without its cameras, score these through the serving engine, and report. "
        "Words after -- go to train_fas. What is done is not done again; a fold that was cut short is resumed."
    )
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data", type=Path, required=True, help="Manifest CSV.")
        parser.add_argument("--out", type=Path, required=True, help="Folder of folds and report.")
        parser.add_argument(
            "--folds", default=_FOLDS, help="Cameras, or groups such as cam04+cam13."
        )
        parser.add_argument("--jobs", type=int, default=1, help="Folds at the same time.")
        parser.add_argument(
            "--common",
            type=shlex.split,
            metavar="WORDS",
            help="First train one network on what no fold holds out, with these options of train_fas "
            "besides the others, and let every fold begin with its weights.",
        )
        parser.add_argument(
            "--from",
            type=Path,
            dest="earlier",
            metavar="FOLDER",
            help="Folder of an earlier cross-validation: each fold goes on from the start.npz there that left its "
            "cameras out and the fewest others.",
        )
        parser.add_argument("--threshold", type=float, default=0.5, help="For APCER and BPCER.")
        for name, limit in LIMITS.items():
            option = f"--{name.replace('_', '-')}"
            parser.add_argument(option, type=float, metavar="SHARE", help=f"{limit.words}, 0–1.")
        parser.add_argument("options", nargs="*", help="Options of train_fas, after --.")

    def handle(self, *args: Any, **given: Any) -> None:
        names = [name.strip() for name in given["folds"].split(",") if name.strip()]
        jobs = max(1, given["jobs"])
        validation = CrossValidation(
            given["data"],
            given["out"],
            names,
            given["options"],
            jobs,
            self._say,
            given["common"],
            given["earlier"],
        )
        try:
            folds = validation.run()
        except (FoldError, OSError) as error:
            raise CommandError(str(error), returncode=2) from error
        scores = [self._score(fold, given["data"]) for fold in folds]
        limits = {name: given[name] for name in LIMITS if given[name] is not None}
        call_command(
            "evaluate_fas",
            scores=scores,
            out=given["out"] / "report",
            threshold=given["threshold"],
            stdout=self.stdout,
            stderr=self.stderr,
            **limits,
        )

    def _score(self, fold: Fold, data: Path) -> Path:
        """Every frame of the cameras that were left out, through the INT8 file; the gate's abstentions are scored too.

        A bundle that was made anew is judged anew.
        """
        out, made = fold.folder / "report", (fold.bundle / "manifest.json").stat().st_mtime_ns
        scores = out / "scores.csv"
        if not scores.exists() or scores.stat().st_mtime_ns < made:
            call_command(
                "evaluate_fas",
                bundle=fold.bundle,
                data=data,
                split="all",
                domains=",".join(fold.domains),
                no_gate=True,
                out=out,
                stdout=_Quiet(),
                stderr=self.stderr,
            )
        return scores

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


class _Quiet:
    """Each fold's own table is in its folder; only the table of all folds is printed."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass
