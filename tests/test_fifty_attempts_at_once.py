"""However many sockets are opened at once, an account has the attempts that are left to it, and no more."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import needs

ROOT = Path(__file__).resolve().parent.parent

_FIFTY = """
import threading
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from accounts.models import Budget, User
from liveness import services
from liveness.tickets import TicketError
call_command("migrate", verbosity=0)
user = User.objects.create_user("alice")
tickets = [
    services.open_attempt(
        purpose="signin", session_key="s", claimed="alice", user=user, client=f"10.0.{n}.1"
    )[1]
    for n in range(50)
]
connection.close()
together, answers = threading.Barrier(50), []
def start(ticket):
    together.wait(60)
    try:
        services.start_attempt(ticket=ticket, session_key="s")
        answers.append("started")
    except TicketError as error:
        answers.append(error.code)
    except Exception as error:
        answers.append(repr(error))
    finally:
        connection.close()
threads = [threading.Thread(target=start, args=[ticket]) for ticket in tickets]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(*(f"{answers.count(answer)} {answer}" for answer in sorted(set(answers))), sep="\\n")
print(Budget.objects.get(kind="account").failures)
"""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'site.sqlite3'}"
    else:
        with needs.postgres() as url:
            yield url


def test_of_fifty_attempts_at_once_ten_start(database: str, tmp_path: Path) -> None:
    own = {"LIVEGATE_VAR": str(tmp_path), "DATABASE_URL": database, "LOG_LEVEL": "CRITICAL"}
    own |= {"DJANGO_SETTINGS_MODULE": "portal.settings", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", _FIFTY],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["10 started", "40 wait", "10"]
