"""Hold the retention promises now."""

from typing import Any

from django.core.management.base import BaseCommand

from liveness import services


class Command(BaseCommand):
    help = "Delete evidence and attempts whose time is over, and close attempts whose process died."

    def handle(self, *args: Any, **options: Any) -> None:
        purged = services.purge()
        self.stdout.write(
            f"{purged.evidence} frames and {purged.attempts} attempts deleted, "
            f"{purged.abandoned} dead attempts closed."
        )
