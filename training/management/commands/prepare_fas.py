"""Turn a data set, or labelled folders of pictures, into what training reads."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from liveness.engine.crops import BORDERS, CropError, CropSpec
from liveness.engine.faces import YuNet
from liveness.engine.weights import WeightsError
from training.fas import readers
from training.fas.data import DataError
from training.fas.readers.prepare import MANIFEST, SKIPPED, Preparation, Summary

_SIZE = 96


class Command(BaseCommand):
    help = (
        "Find the faces of a data set with the detector that serves, and write OUT/manifest.csv; what cannot be "
        "used is named in OUT/skipped.csv. Ctrl-C loses nothing: the same command goes on. Formats: "
        + "; ".join(f"{name}: {layout.NEEDS}" for name, layout in readers.FORMATS.items())
        + "."
    )
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", type=Path, help="A data set's folder, or a manifest CSV.")
        parser.add_argument(
            "--out", type=Path, required=True, help="A new folder, or one to go on with."
        )
        parser.add_argument("--format", choices=list(readers.FORMATS), help="Default: found out.")
        parser.add_argument(
            "--domain", default="", help="Name of the camera, where the data has none."
        )
        parser.add_argument("--copy", action="store_true", help="Copy the pictures into OUT.")
        parser.add_argument(
            "--patches",
            metavar="SCALES",
            help="Also cut patches, their sides in face sides (1.0,2.0,4.0), into OUT/RGB_Images.",
        )
        parser.add_argument(
            "--size", type=int, help=f"Side of a patch in pixels (default {_SIZE})."
        )
        parser.add_argument(
            "--border", choices=BORDERS, help="What a patch holds beyond the frame."
        )

    def handle(self, *args: Any, **given: Any) -> None:
        try:
            crop = _crop(given["patches"], given["size"], given["border"])
            data = readers.read(given["source"], given["format"], given["domain"])
            work = Preparation(data, given["out"], YuNet(), crop, given["copy"], self._say)
            summary = work.run()
        except (DataError, CropError, WeightsError, OSError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as error:
            raise CommandError(
                "Interrupted; the same command goes on from here.", returncode=130
            ) from error
        self.stdout.write(_in_words(summary, given["out"]))

    def _say(self, line: str) -> None:
        self.stderr.write(line)
        self.stderr.flush()


def _crop(scales: str | None, size: int | None, border: str | None) -> CropSpec | None:
    if scales is None:
        if size is not None or border is not None:
            raise CommandError("--size and --border say how to cut; give --patches as well.")
        return None
    try:
        sides = tuple(sorted({float(scale) for scale in scales.split(",")}))
    except ValueError as error:
        raise CommandError(f"--patches {scales}: write numbers such as 1.0,2.0,4.0.") from error
    return CropSpec(sides, size or _SIZE, border=border or BORDERS[0])


def _in_words(summary: Summary, out: Path) -> str:
    skipped = ", ".join(f"{count} {code}" for code, count in sorted(summary.skipped.items()))
    return (
        f"{out / MANIFEST}: {summary.bona_fide} bona fide and {summary.attacks} attacks, "
        f"{summary.fresh} pictures looked at just now; several faces in {summary.several}; "
        f"skipped {sum(summary.skipped.values())}{f' ({skipped}; see {out / SKIPPED})' if skipped else ''}."
    )
