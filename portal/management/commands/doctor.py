"""Examine everything that needs no camera, and say how to mend what is wrong."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.doctor import OK, PROBLEM, WARNING, Finding, examine

_SIGNS = {OK: "ok", WARNING: "WARNING", PROBLEM: "PROBLEM"}


class Command(BaseCommand):
    """``manage.py doctor``; exit status 1 when there is a problem."""

    help = (
        "Examine settings, database, broker, clocks, keys, weights, model, storage, mail and TLS, and say how to mend "
        "what is wrong. Exit status: 0 all well, or warnings; 1 a problem."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="A JSON list of findings.")

    def handle(self, *args: Any, **options: Any) -> None:
        found = examine()
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in found], indent=2))
        else:
            self._say(found)
        if any(finding.state == PROBLEM for finding in found):
            raise SystemExit(1)

    def _say(self, found: list[Finding]) -> None:
        for finding in found:
            line = f"{_SIGNS[finding.state]:8} {finding.part:10} {finding.text}"
            self.stdout.write(self._coloured(finding.state)(line))
            if finding.mend:
                self.stdout.write(f"{'':19} → {finding.mend}")

    def _coloured(self, state: str) -> Any:
        return {OK: str, WARNING: self.style.WARNING, PROBLEM: self.style.ERROR}[state]
