"""Take the second factors off an account at a terminal: for the administrator whom no other one can help."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import recovery, tasks
from accounts.models import User


class Command(BaseCommand):
    help = "Take passkeys, apps, recovery codes and the password off an account and mail its owner."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no account {options['username']!r}.")
        count = recovery.reset(user=user, by=None)
        tasks.send_reset.delay(user.pk)
        self.stdout.write(
            f"{count} second factors were taken off {user}, and its sessions ended. A mail went to its owner; "
            f"without mail: manage.py changepassword {user}"
        )
