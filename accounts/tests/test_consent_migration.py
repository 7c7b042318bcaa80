"""Consents to one text about all become one a purpose; nobody loses or gains one, whichever way."""

import hashlib
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

BEFORE, AFTER = [("accounts", "0005_notice_sent")], [("accounts", "0007_split_consents")]
NOW = timezone.now().replace(microsecond=0)
pytestmark = pytest.mark.django_db(transaction=True)


def migrate(target: list[tuple[str, str]]) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(target)
    return executor.loader.project_state(target).apps


@pytest.fixture
def before() -> Any:
    """The tables as they were; brought up to date again afterwards."""
    yield migrate(BEFORE)
    migrate(MigrationExecutor(connection).loader.graph.leaf_nodes("accounts"))


def day(number: int) -> datetime:
    return NOW - timedelta(days=number)


def give(apps: Any, name: str, *rows: tuple[bool, int, int | None]) -> None:
    """Rows of the version before: (training, given so many days ago, withdrawn so many days ago)."""
    user, _ = apps.get_model("accounts", "User").objects.get_or_create(username=name)
    for training, given, withdrawn in rows:
        apps.get_model("accounts", "Consent").objects.create(
            user=user,
            version="2026-2",
            digest="d" * 64,
            training=training,
            given=day(given),
            withdrawn=None if withdrawn is None else day(withdrawn),
        )


def _ago(at: datetime | None) -> int | None:
    return None if at is None else (NOW - at).days


def rows_of(apps: Any, name: str) -> set[tuple[str, int | None, int | None]]:
    found = apps.get_model("accounts", "Consent").objects.filter(user__username=name)
    assert {(row.version, row.digest) for row in found} <= {("2026-2", "d" * 64)}
    return {(row.purpose, _ago(row.given), _ago(row.withdrawn)) for row in found}


def test_nobody_loses_or_gains_a_consent(before: Any) -> None:
    give(before, "face only", (False, 9, None))
    give(before, "training too", (True, 9, None))
    give(before, "withdrawn", (True, 9, 4))
    give(before, "changed their mind", (True, 9, 4), (False, 4, None))
    apps = migrate(AFTER)
    assert rows_of(apps, "face only") == {("signin", 9, None), ("evidence", 9, None)}
    assert rows_of(apps, "training too") == {
        ("signin", 9, None),
        ("evidence", 9, None),
        ("training", 9, None),
    }
    assert rows_of(apps, "withdrawn") == {("signin", 9, 4), ("evidence", 9, 4), ("training", 9, 4)}
    assert rows_of(apps, "changed their mind") == {
        ("signin", 9, 4),
        ("evidence", 9, 4),
        ("training", 9, 4),
        ("signin", 4, None),
        ("evidence", 4, None),
    }


def test_the_version_before_reads_the_new_rows_and_writes_its_own(before: Any) -> None:
    """While two versions run: its ``may_train`` asks for a row in force with the tick."""
    give(before, "ada", (True, 9, None))
    give(before, "ben", (False, 9, None))
    apps = migrate(AFTER)
    in_force = apps.get_model("accounts", "Consent").objects.filter(withdrawn=None, training=True)
    assert [row.user.username for row in in_force] == ["ada"]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_consent SET withdrawn = given")
        cursor.execute(
            "INSERT INTO accounts_consent (user_id, version, digest, training, given, withdrawn)"
            " SELECT id, '2026-2', %s, %s, date_joined, NULL FROM accounts_user WHERE username = 'ada'",
            ["d" * 64, False],
        )
    rows = apps.get_model("accounts", "Consent").objects.filter(withdrawn=None)
    assert [row.purpose for row in rows] == ["signin"]


def test_going_back_joins_them_again(before: Any) -> None:
    give(before, "training too", (True, 9, None))
    give(before, "changed their mind", (True, 9, 4), (False, 4, None))
    migrate(AFTER)
    apps = migrate(BEFORE)
    rows = apps.get_model("accounts", "Consent").objects.order_by("user__username", "given")
    assert [(row.user.username, row.training, row.withdrawn is None) for row in rows] == [
        ("changed their mind", True, False),
        ("changed their mind", False, True),
        ("training too", True, True),
    ]


def test_the_words_of_the_text_before_are_kept(before: Any) -> None:
    text = import_module("accounts.migrations.0007_split_consents")._TEXT
    words = text.format(evidence=30, attempts=90)
    digest = hashlib.sha256(words.encode()).hexdigest()
    give(before, "ada", (False, 9, None))
    before.get_model("accounts", "Consent").objects.update(digest=digest)
    apps = migrate(AFTER)
    kept = apps.get_model("accounts", "ConsentText").objects.get(digest=digest)
    assert kept.text == words
