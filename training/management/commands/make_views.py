"""``manage.py make_views``: augmented, mixed faces with their teachers' opinions, kept for many training runs."""

from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from liveness.engine.crops import BORDERS


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no list of numbers such as 1.0,2.0,4.0.") from error


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise ArgumentTypeError(f"{text} is not above 0 and at most 1.")
    return value


class Command(BaseCommand):
    """An interrupted making goes on where it was; more can be added later with a higher --count."""

    help = "Prepare augmented faces and what the teachers say of them; train_fas --views learns from them."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--data", type=Path, required=True, help="Manifest CSV or data set folder."
        )
        parser.add_argument(
            "--portraits", type=Path, help="Folder of digital portraits, as bona fide."
        )
        parser.add_argument("--most-portraits", type=int, default=600, help="Default 600.")
        parser.add_argument("--teachers", type=Path, help="Folder with seed and silentface.")
        parser.add_argument("--out", type=Path, required=True, help="Folder of the views.")
        parser.add_argument("--count", type=int, default=100_000, help="Default 100000.")
        parser.add_argument("--patches", type=_numbers, default=(1.5, 2.7, 4.0))
        parser.add_argument("--size", type=int, default=80, help="Side of a patch in pixels.")
        parser.add_argument("--border", choices=BORDERS, default="inside")
        parser.add_argument(
            "--plain",
            type=_share,
            default=0.0,
            help="Share of frames with their truth alone, three of four just as they are. The other shares are of the rest.",
        )
        parser.add_argument(
            "--simulate", type=float, default=0.3, help="Share of simulated attacks."
        )
        parser.add_argument(
            "--moved",
            type=_share,
            default=0.0,
            help="Share of faces moved to other surroundings; teachers judge these.",
        )
        parser.add_argument(
            "--mixed", type=_share, default=0.5, help="Share of views that are two faces in one."
        )
        parser.add_argument(
            "--strength", type=_share, default=1.0, help="How often a picture is changed, up to 1."
        )
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--jobs", type=int, default=2, help="Threads.")

    def handle(self, *args: Any, **given: Any) -> None:
        try:
            from training.fas import making  # torch only where it is needed
        except ImportError as error:
            raise CommandError(f"{error}. Install requirements-training.txt.") from error
        try:
            views = making.make(given, self._say)
        except making.FAILURES as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as error:
            raise CommandError("Interrupted; the same command goes on.", returncode=130) from error
        self._say(f"{len(views)} views are in {given['out']}.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
