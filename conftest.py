"""What is not on this machine is said in one line each, with how many tests that leaves out."""

import time
from collections import Counter
from typing import Any

import pytest
from allauth.account.internal.flows import login
from django.db import connection
from django.test import Client

from trail import triggers


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Tests that commit empty all tables afterwards, which the audit trail's guards would refuse."""
    with django_db_blocker.unblock():
        triggers.remove(connection)


@pytest.fixture(autouse=True)
def _forced_logins_gave_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """``force_login`` stands for a sign-in by password a moment ago, which the session remembers."""
    force = Client.force_login

    def force_login(self: Client, user: Any, backend: str | None = None) -> None:
        force(self, user, backend)
        session = self.session
        session[login.AUTHENTICATION_METHODS_SESSION_KEY] = [
            {"method": "password", "at": time.time()}
        ]
        session[login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = login.user_id_to_str(user)
        session.save()

    monkeypatch.setattr(Client, "force_login", force_login)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = terminalreporter.getreports("skipped")
    reasons = Counter(
        report.longrepr[2] for report in reports if isinstance(report.longrepr, tuple)
    )
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{count} skipped: {reason.removeprefix('Skipped: ')}")
