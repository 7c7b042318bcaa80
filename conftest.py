"""What is not on this machine is said in one line each, with how many tests that leaves out."""

from collections import Counter
from typing import Any

import pytest
from django.db import connection

from trail import triggers


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Tests that commit empty all tables afterwards, which the audit trail's guards would refuse."""
    with django_db_blocker.unblock():
        triggers.remove(connection)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = terminalreporter.getreports("skipped")
    reasons = Counter(
        report.longrepr[2] for report in reports if isinstance(report.longrepr, tuple)
    )
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{count} skipped: {reason.removeprefix('Skipped: ')}")
