"""Prove that the audit trail is as it was written."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trail import chain


class Command(BaseCommand):
    help = (
        "Recompute the hash chain of the audit trail; ends with 1 at the first entry that was tampered with. Keep the "
        "head it prints elsewhere: naming it the next time proves that the end was not cut off."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--noted", default="", help="the head that an earlier run printed")

    def handle(self, *args: Any, noted: str, **options: Any) -> None:
        try:
            whole = chain.verify(noted)
        except chain.Broken as error:
            raise CommandError(
                f"{error} Compare with a backup and with the log livegate.audit."
            ) from error
        self.stdout.write(f"{whole.entries} entries, whole. Head: {whole.head}")
