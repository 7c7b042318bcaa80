"""A migration never takes away what the version before still reads: two versions run while a site is renewed.

What is no longer needed goes in a later version: the code forgets it first (expand), a migration named in CONTRACTED
removes it once no running version reads it (contract).
"""

import pytest
from django.apps import apps
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import (
    DeleteModel,
    RemoveField,
    RenameField,
    RenameModel,
)
from django.db.migrations.operations.base import Operation

OURS = ("accounts", "liveness", "training", "portal")
# (app, migration): nothing that runs reads what these remove.
CONTRACTED: set[tuple[str, str]] = set()

_TAKES_AWAY = (RemoveField, DeleteModel, RenameField, RenameModel)


def _migrations() -> list[Migration]:
    loader = MigrationLoader(None)
    labels = {config.label for config in apps.get_app_configs()} & set(OURS)
    return [m for (app, _), m in loader.disk_migrations.items() if app in labels]


def faults(migration: Migration) -> list[str]:
    """What the version before would stumble over."""
    return [o.describe() for o in migration.operations if isinstance(o, _TAKES_AWAY)]


def test_no_migration_takes_away_what_the_version_before_reads() -> None:
    every = _migrations()
    assert len(every) >= 8
    broken = {
        f"{m.app_label}.{m.name}": faults(m)
        for m in every
        if (m.app_label, m.name) not in CONTRACTED and faults(m)
    }
    assert broken == {}


@pytest.mark.parametrize(
    "operation",
    [
        RemoveField("attempt", "reason"),
        RenameField("attempt", "reason", "why"),
        DeleteModel("Attempt"),
    ],
)
def test_a_migration_that_takes_something_away_is_found(operation: Operation) -> None:
    planted = type("Migration", (Migration,), {"operations": [operation]})
    assert faults(planted("planted", "liveness")) != []
