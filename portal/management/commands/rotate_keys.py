"""Seal everything anew under the first key, while the portal serves."""

from argparse import ArgumentParser
from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError

from accounts import adapters, matching
from api import idempotency, webhooks
from liveness import crypto, evidence, keyring
from liveness.keyring import Sealed
from trail import chain

# allauth keeps the key of an authenticator app, and the seed of recovery codes, in one JSON column.
SECOND_FACTORS = tuple(
    Sealed(Authenticator, "data", lambda _: adapters.CONTEXT, entry) for entry in ("secret", "seed")
)
SEALED = (
    *evidence.SEALED,
    *matching.SEALED,
    *SECOND_FACTORS,
    *idempotency.SEALED,
    *webhooks.SEALED,
)


class Command(BaseCommand):
    help = (
        "Seal templates, evidence, second factors, kept answers and webhooks' secrets anew under the first of LIVENESS_ENCRYPTION_KEYS. Nobody enrols again. First add "
        "the new key behind the old one and restart every process, then put it first and restart, then run this; take "
        "the old key away when --show no longer lists it. It may be killed and started again. Training runs that were "
        "requested and not begun name evidence by digest: request them again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--show", action="store_true", help="only say which keys are in use")
        parser.add_argument("--batch", type=int, default=100, help="rows read at a time")

    def handle(self, *args: Any, show: bool, batch: int, **options: Any) -> None:
        if not show:
            self._rotate(max(1, batch))
        for name, count in sorted(keyring.in_use(SEALED).items()):
            known = "" if name in crypto.key_ids() else ", which is not configured"
            self.stdout.write(f"{count} sealed under key {name}{known}")

    def _rotate(self, batch: int) -> None:
        found = {}
        for column, done in keyring.rotate(SEALED, batch):
            found[str(column)] = done
            self.stdout.write(f"{column}: {done.rewrapped} sealed anew")
        rewrapped = sum(done.rewrapped for done in found.values())
        lost = sum(done.lost for done in found.values())
        chain.append("keys_rotated", key=crypto.key_ids()[0], rewrapped=rewrapped, lost=lost)
        if lost:
            raise CommandError(
                f"{lost} values cannot be opened: their key is not in LIVENESS_ENCRYPTION_KEYS, or they were altered. "
                "Restore the key from its copy and run this again; without it these faces have to be set up again."
            )
