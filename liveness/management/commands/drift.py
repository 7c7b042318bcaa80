"""manage.py drift: has the world changed since the present model was promoted?"""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from liveness import drift, drift_watch, drift_words
from liveness.drift import Report


class Command(BaseCommand):
    help = (
        "Compare the attempts of the last days with the reference period of the present model. "
        "Exit status 1 with --fail-on-drift when a measure has drifted, otherwise 0."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, help="How many days; default LIVEGATE_DRIFT_DAYS.")
        parser.add_argument("--json", action="store_true", help="One JSON object.")
        parser.add_argument("--fail-on-drift", action="store_true")
        parser.add_argument(
            "--begin-reference",
            action="store_true",
            help="Take what comes from now on for the new normal.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["begin_reference"]:
                drift_watch.begin_reference()
            report = drift.report(options["days"])
        except (ValueError, LookupError) as error:
            raise CommandError(str(error)) from error
        text = (
            json.dumps(report.as_dict(), ensure_ascii=False) if options["json"] else _text(report)
        )
        self.stdout.write(text)
        if options["fail_on_drift"] and report.drifted:
            sys.exit(1)


def _text(report: Report) -> str:
    lines = [drift_words.too_few(report)] if drift_words.too_few(report) else []
    for item in report.findings:
        name, level = drift_words.NAMES[item.measure], drift_words.LEVELS[item.level]
        numbers = drift_words.sentence(item)
        sizes = f"{item.reference} in the reference, {item.current} now"
        lines.append(f"{name}: {level.lower()} ({sizes}){': ' + numbers if numbers else ''}")
    return "\n".join(lines)
