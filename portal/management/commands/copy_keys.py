"""Copy the keys to where the site's own disk cannot take them along when it fails."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal import keys_copy


class Command(BaseCommand):
    help = (
        "Write SECRET_KEY and LIVENESS_ENCRYPTION_KEYS into FOLDER, outside the site's own folder, and note in the audit "
        "trail that this was done. SECRET_KEY_FILE and LIVENESS_ENCRYPTION_KEYS_FILE read such files."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "folder", type=Path, metavar="FOLDER", help="on another disk, for you alone"
        )

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        try:
            written = keys_copy.write(folder)
        except keys_copy.CopyError as error:
            raise CommandError(str(error)) from error
        for path in written:
            self.stdout.write(f"{path}")
        self.stdout.write(
            "Whoever reads these files can open every face: keep them apart from the backups."
        )
