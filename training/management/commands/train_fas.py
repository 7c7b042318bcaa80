"""Train a liveness network and write a bundle: for a person at a terminal, and for the queue with --run."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from training import services
from training.models import TrainingRun
from training.options import OptionError, Options, from_dict

_NUMBERS = {
    "epochs": (int, "Epochs at most"),
    "batch": (int, "Faces a step"),
    "samples-per-epoch": (int, "Augmented faces an epoch"),
    "size": (int, "Side of a patch in pixels"),
    "minutes": (float, "Time for fitting, 0 for no limit; export and evaluation follow"),
    "seed": (int, "Seed of every random choice"),
    "limit": (int, "Frames of each domain and class at most"),
}


class Command(BaseCommand):
    help = (
        "Train, quantise and evaluate a liveness network; OUT/bundle is the result. "
        "Ctrl-C leaves a checkpoint that --resume continues."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        defaults = Options()
        parser.add_argument("--data", type=Path, help="Manifest CSV of the data set.")
        parser.add_argument("--out", type=Path, help="Folder for checkpoints and the bundle.")
        parser.add_argument("--run", type=int, help="Take data, options and folder from this run.")
        parser.add_argument("--resume", action="store_true", help="Continue OUT/last.pt.")
        parser.add_argument("--arch", help=f"Network table (default {defaults.arch}).")
        for name, (kind, text) in _NUMBERS.items():
            default = getattr(defaults, name.replace("-", "_"))
            text = f"{text}." if default is None else f"{text} (default {default})."
            parser.add_argument(f"--{name}", type=kind, help=text)
        scales = ",".join(str(scale) for scale in defaults.scales)
        parser.add_argument("--scales", help=f"Patch sides in face sides (default {scales}).")
        domains = ",".join(defaults.calibration_domains)
        parser.add_argument(
            "--calibration-domains", help=f"Never trained on, for choices (default {domains})."
        )

    def handle(self, *args: Any, **given: Any) -> None:
        data, out, options = self._plan(given)
        try:
            from training.pipeline import FAILURES, Pipeline  # torch only where training starts
        except ImportError as error:
            raise CommandError(f"{error}. Install requirements-training.txt.") from error
        try:
            bundle = Pipeline(data, out, options, say=self._say).run(given["resume"])
        except FAILURES as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as error:
            raise CommandError("Interrupted; --resume continues.", returncode=130) from error
        self._say(f"{bundle.name} is in {out / 'bundle'}.")

    def _plan(self, given: dict[str, Any]) -> tuple[Path, Path, Options]:
        try:
            if given["run"] is not None:
                return _of_run(given["run"])
            if not given["data"] or not given["out"]:
                raise CommandError("Give --data and --out, or --run.")
            return given["data"], given["out"], from_dict(_chosen(given))
        except (OptionError, services.RequestError) as error:
            raise CommandError(str(error)) from error

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _of_run(pk: int) -> tuple[Path, Path, Options]:
    try:
        run = TrainingRun.objects.get(pk=pk)
    except TrainingRun.DoesNotExist as error:
        raise CommandError(f"There is no training run {pk}.") from error
    return services.manifest_of(run), services.folder_of(run), from_dict(run.options)


def _chosen(given: dict[str, Any]) -> dict[str, Any]:
    """Only what was really given, so that defaults live in one place."""
    names = [name.replace("-", "_") for name in _NUMBERS]
    chosen = {name: given[name] for name in (*names, "arch") if given[name] is not None}
    for name in ("scales", "calibration_domains"):
        if given[name]:
            chosen[name] = [part.strip() for part in given[name].split(",")]
    return chosen
