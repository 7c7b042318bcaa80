"""Everything `make run` does, in one process: migrate, collect the static files, serve, and send webhooks."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.urls import reverse

from accounts import setup
from api.sender import sender
from portal import serving


class Command(BaseCommand):
    help = "Prepare the database and the static files, then serve the portal."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", default="8000")
        parser.add_argument(
            "--prepared", action="store_true", help="Migrations and static files are done."
        )

    def handle(self, *args: Any, host: str, port: str, prepared: bool, **options: Any) -> None:
        if not prepared:
            call_command("migrate", interactive=False, verbosity=0)
            call_command("collectstatic", interactive=False, verbosity=0)
        self.stdout.write(f"Livegate: http://{host}:{port}  (stop with Ctrl-C)\n")
        self._invite()
        self.stdout.flush()
        sender.start()
        serving.serve(host, port)

    def _invite(self) -> None:
        """While nobody administers this portal: how the first administrator is made."""
        if setup.is_needed():
            page = settings.SITE_URL + reverse("accounts:setup")
            self.stdout.write(
                f"Nobody administers it yet. Open {page} and enter the code {setup.new_code()} within a day; "
                "`make admin` does the same at a terminal.\n"
            )
