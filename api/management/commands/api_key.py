"""Make, list and revoke API keys on the command line."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import User
from api import keys
from api.models import SCOPES, ApiKey


class Command(BaseCommand):
    help = "Make, list and revoke API keys."

    def add_arguments(self, parser: ArgumentParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True)
        create = steps.add_parser("create", help="make a key and print it, once")
        create.add_argument("owner", help="user name of a staff account")
        create.add_argument("--name", required=True, help="what it is for")
        create.add_argument(
            "--scope", action="append", default=[], choices=SCOPES, help="again for each"
        )
        create.add_argument("--days", type=int, default=365, help="until it expires; 0: never")
        create.add_argument("--origin", action="append", default=[], help="site that may embed")
        create.add_argument("--per-minute", type=int, default=600)
        steps.add_parser("list", help="all keys, without secrets")
        revoke = steps.add_parser("revoke", help="refuse a key from now on")
        revoke.add_argument("prefix", help="the eight characters behind lg_")

    def handle(self, *args: Any, step: str, **options: Any) -> None:
        {"create": self._create, "list": self._list, "revoke": self._revoke}[step](options)

    def _create(self, options: dict[str, Any]) -> None:
        owner = User.objects.filter(username=options["owner"]).first()
        if owner is None:
            raise CommandError(f"There is no account {options['owner']}.")
        days = options["days"]
        try:
            _, text = keys.create_key(
                owner=owner,
                name=options["name"],
                scopes=options["scope"],
                expires=timezone.now() + timedelta(days=days) if days else None,
                origins=options["origin"],
                per_minute=options["per_minute"],
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(text)

    def _list(self, options: dict[str, Any]) -> None:
        for key in ApiKey.objects.select_related("owner"):
            state = "works" if key.works() else "revoked" if key.revoked else "expired"
            used = f"{key.last_used:%Y-%m-%d %H:%M}" if key.last_used else "never used"
            line = [key.prefix, state, str(key.owner), key.name, ",".join(key.scopes), used]
            self.stdout.write("\t".join(line))

    def _revoke(self, options: dict[str, Any]) -> None:
        key = ApiKey.objects.filter(prefix=options["prefix"]).first()
        if key is None:
            raise CommandError(f"There is no key {options['prefix']}; `api_key list` shows them.")
        keys.revoke_key(key=key)
        self.stdout.write(f"{key} is refused from now on.")
