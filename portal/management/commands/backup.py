"""Write the whole site into one file, while it serves."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal import backups

_APART = (
    "Not in it: the keys (var/secrets, or the settings SECRET_KEY and LIVENESS_ENCRYPTION_KEYS), without which no face "
    "can be opened: keep a copy of them elsewhere. Nor sessions, nor training copies.\n"
    "It holds names, mail addresses, and sealed faces: keep it as safe as the site, and delete it when its time is over. "
    "Whoever is erased from now on is still in it; `manage.py erasures` lists them for the restore."
)


class Command(BaseCommand):
    help = (
        "Write accounts, sealed faces, attempts, evidence, the audit trail, models and media of one moment into FILE, "
        "while the portal serves. `restore` reads it into an empty site, on SQLite or PostgreSQL."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="a new file, for you alone")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            facts = backups.write(file)
        except backups.BackupError as error:
            raise CommandError(str(error)) from error
        rows = sum(facts.rows.values())
        self.stdout.write(
            f"{file}: {rows} rows of {len(facts.rows)} tables and {facts.files} files, as of {facts.made}.\n"
            f"Keys it needs: {', '.join(facts.keys) or 'none'}. Head of the audit trail: {facts.head}\n{_APART}"
        )
