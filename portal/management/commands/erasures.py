"""Print who was erased, for the restore of an older backup."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts import tombstones


class Command(BaseCommand):
    help = (
        "Print a line for every erasure in the audit trail: when, what, and a pseudonym, which names nobody without "
        "SECRET_KEY. Keep the list apart from the backups, anew each day, and give it to `restore --erasures`: "
        "VAR/erasures.jsonl has the same, but may be lost with the machine."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for stone in tombstones.of_the_trail():
            self.stdout.write(tombstones.line(stone))
