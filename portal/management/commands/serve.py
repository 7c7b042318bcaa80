"""Everything `make run` does, in one process: migrate, collect the static files, serve, and send webhooks."""

from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

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
        self._invite(host, port)
        self.stdout.flush()
        sender.start()
        serving.serve(host, port)

    def _invite(self, host: str, port: str) -> None:
        """While nobody administers this portal: how the first administrator is made.

        A site of this machine alone is reached where it listens, whatever port SITE_URL says.
        """
        if setup.is_needed():
            local = urlsplit(settings.SITE_URL).hostname in ("127.0.0.1", "localhost")
            site = f"http://{host}:{port}" if local else settings.SITE_URL
            page = site + reverse("accounts:setup")
            self.stdout.write(
                f"Nobody administers it yet. Open {page} and enter the code {setup.new_code()} within a day; "
                "`make admin` does the same at a terminal.\n"
            )
