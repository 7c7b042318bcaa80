"""Train a liveness network and write a bundle: for a person at a terminal, and for the queue with --run."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from training import prepared, services, supervision
from training.models import TrainingRun
from training.options import OptionError, Options, from_dict, kind, patch_info

_SPELLED = {
    "scales": ("--patches", "--scales"),
    "devices": ("--device_ids", "--device-ids"),
}
"""Options that are spelled in another way than they are named."""


class Command(BaseCommand):
    help = (
        "Train, quantise and evaluate a liveness network; OUT/bundle is the result. "
        "Ctrl-C leaves a checkpoint that --resume continues, to the bit unless --minutes cuts the run. "
        "On several devices: torchrun --nproc_per_node 2 manage.py train_fas ..."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data", type=Path, help="Manifest CSV of the data set.")
        parser.add_argument("--out", type=Path, help="Folder for checkpoints and the bundle.")
        parser.add_argument("--run", type=int, help="Take data, options and folder from this run.")
        parser.add_argument("--resume", action="store_true", help="Continue OUT/last.pt.")
        parser.add_argument(
            "--measure-throughput",
            action="store_true",
            help="Train nothing: time a step of this network and of Silent-Face's recipe here.",
        )
        parser.add_argument(
            "--patch_info",
            "--patch-info",
            action="append",
            help="Patches by the names of their folders, such as 2.7_80x80,4_80x80; instead of "
            "--patches and --size.",
        )
        for each in fields(Options):
            _add(parser, each)

    def handle(self, *args: Any, **given: Any) -> None:
        try:
            with _alone(given["run"]):
                self._train(given)
        except OSError as error:
            raise CommandError(f"{error.filename or 'A file'}: {error.strerror}.") from error

    def _train(self, given: dict[str, Any]) -> None:
        data, out, options = self._plan(given)
        _check_devices(options)
        try:
            from training import pipeline  # torch only where training starts
        except ImportError as error:
            raise CommandError(f"{error}. Install requirements-training.txt.") from error
        if given["measure_throughput"]:
            self._say(pipeline.measured_throughput(options))
            return
        try:
            name = pipeline.trained(
                data, out, options, given["resume"], self._say, self.stdout.isatty()
            )
        except pipeline.FAILURES as error:
            raise CommandError(str(error)) from error
        except pipeline.Interrupted as error:
            raise CommandError(str(error), returncode=128 + error.signum) from error
        except KeyboardInterrupt as error:
            raise CommandError("Interrupted; --resume continues.", returncode=130) from error
        if name:
            self._say(f"{name} is in {out / 'bundle'}.")

    def _plan(self, given: dict[str, Any]) -> tuple[Path, Path, Options]:
        try:
            if given["run"] is not None:
                return _of_run(given["run"], self._say)
            if not given["measure_throughput"] and not (given["data"] and given["out"]):
                raise CommandError("Give --data and --out, or --run.")
            return given["data"], given["out"], from_dict(_chosen(given))
        except (OptionError, services.RequestError) as error:
            raise CommandError(str(error)) from error

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _add(parser: CommandParser, each: "Field[Any]") -> None:
    """One argument for one option; what it may be is checked by Options, for forms too."""
    names = _SPELLED.get(each.name, (f"--{each.name.replace('_', '-')}",))
    several, default = isinstance(each.default, tuple), each.default
    shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
    text = each.metadata["help"] + (
        f": {', '.join(among)}" if (among := each.metadata["among"]) else ""
    )
    text += f" (default {shown})." if shown not in (None, "") else "."
    text = text.replace("%", "%%")
    parser.add_argument(*names, dest=each.name, type=str if several else kind(each), help=text)


def _of_run(pk: int, say: Callable[[str], None]) -> tuple[Path, Path, Options]:
    run = _found(pk)
    try:
        return prepared.prepare(run, say=say), services.folder_of(run), from_dict(run.options)
    except services.RunStateError as error:
        raise CommandError(str(error)) from error


def _found(pk: int) -> TrainingRun:
    run = TrainingRun.objects.filter(pk=pk).first()
    if run is None:
        raise CommandError(f"There is no training run {pk}.")
    if supervision.token() not in ("", run.worker):
        raise CommandError(f"Training run {pk} has gone to another worker.")
    return run


@contextmanager
def _alone(pk: int | None) -> Iterator[None]:
    """A run of the queue is trained by one process at a time, and not without the worker that started it."""
    if pk is None:
        yield
        return
    if supervision.token():
        supervision.follow_leash()
    try:
        with supervision.alone(services.folder_of(_found(pk))):
            yield
    except supervision.SupervisionError as error:
        raise CommandError(str(error)) from error


def _chosen(given: dict[str, Any]) -> dict[str, Any]:
    """Only what was really given, so that defaults live in one place."""
    chosen = {}
    for each in fields(Options):
        value = given[each.name]
        if value is not None:
            chosen[each.name] = _parts(value) if isinstance(each.default, tuple) else value
    if given["patch_info"]:
        if {"scales", "size"} & chosen.keys():
            raise OptionError("Give either --patch_info or --patches and --size.")
        chosen["scales"], chosen["size"] = patch_info(_parts(",".join(given["patch_info"])))
    return chosen


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _check_devices(options: Options) -> None:
    """Several devices need one process each, and only ``torchrun`` starts those."""
    count = len(options.devices)
    if count > 1 and "WORLD_SIZE" not in os.environ:
        line = shlex.join(["torchrun", "--nproc_per_node", str(count), *sys.argv])
        raise CommandError(f"{count} devices need {count} processes. Start them with:\n  {line}")
