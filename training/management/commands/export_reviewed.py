"""``manage.py export_reviewed``: what reviewers labelled becomes a data set, from people who agreed to that."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from training import reviewed
from training.fas.data import DataError


class Command(BaseCommand):
    help = (
        "Copy the frames of reviewed attempts into VAR/training/NAME as a data set for train_fas. Only people who agreed "
        "to training are in it, and their copies are erased with them. The same NAME again replaces the export."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="Folder below VAR/training.")
        parser.add_argument("--domain", default="site", help="Name of the camera (default site).")

    def handle(self, *args: Any, **given: Any) -> None:
        folder = Path(settings.VAR) / "training" / given["name"]
        try:
            report = reviewed.export_reviewed(folder, domain=given["domain"])
        except (DataError, OSError) as error:
            raise CommandError(str(error)) from error
        for reason, count in sorted(report.left_out.items()):
            self.stdout.write(f"left out: {count} {reason}")
        people = "person" if report.people == 1 else "people"
        self.stdout.write(
            f"{report.frames} frames of {report.people} {people}: {report.manifest}, digest {report.digest}"
        )
