"""Read a backup into an empty site, and erase again whoever was erased since."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal import backups
from trail import chain


class Command(BaseCommand):
    help = (
        "Read FILE into this site, whose database must hold no accounts and no attempts and whose secrets must be those "
        "of the site that was backed up. Stop the portal first. Whoever was erased since the backup, by "
        "VAR/erasures.jsonl and the lists of --erasures, is erased again; everybody has to sign in anew."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="what `backup` wrote")
        parser.add_argument(
            "--erasures",
            type=Path,
            action="append",
            default=[],
            metavar="LIST",
            help="what `erasures` printed later than the backup; may be given several times",
        )

    def handle(self, *args: Any, file: Path, erasures: list[Path], **options: Any) -> None:
        for path in erasures:
            if not path.is_file():
                raise CommandError(f"There is no list of erasures {path}.")
        try:
            restored = backups.read(file, erasures)
            whole = chain.verify(restored.facts.head)
        except (backups.BackupError, chain.Broken) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{sum(restored.facts.rows.values())} rows as of {restored.facts.made}; "
            f"{restored.erased_again} erasures done again. The audit trail is whole: {whole.entries} entries. "
            "Now start the portal, and run `manage.py doctor`."
        )
