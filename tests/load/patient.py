"""manage.py, with captures that never have enough evidence: what a frame costs is measured, not how attempts end.

Everything else is the product: pages, tickets, sockets, engine, database. An attempt ends at LIVENESS_MAX_FRAMES.
"""

import os
import sys

import django
from django.conf import settings
from django.core.management import execute_from_command_line

_NEVER = 1_000_000


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from liveness import runtime
    from liveness.engine.session import SessionRules

    def rules(purpose: str) -> SessionRules:
        longest = float(settings.LIVENESS_DEADLINE_SECONDS)
        return SessionRules(_NEVER, seconds=(1.0, longest), frames=settings.LIVENESS_MAX_FRAMES)

    runtime.rules_for = rules
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
