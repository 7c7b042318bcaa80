"""A migration never breaks the version before: two versions run while a site is renewed.

What is new may be missing from what the old code writes, and what is old stays (expand). What is no longer needed goes in
a later version: the code forgets it first, a migration named in CONTRACTED removes it once no running version reads it
(contract). docs/operations.md says how a site is renewed.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import Error, connection, models, transaction
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import (
    AddConstraint,
    AddField,
    AlterField,
    AlterModelTable,
    AlterUniqueTogether,
    CreateModel,
    DeleteModel,
    RemoveConstraint,
    RemoveField,
    RenameField,
    RenameModel,
    RunSQL,
    SeparateDatabaseAndState,
)
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.utils import timezone

OURS = ("trail", "accounts", "liveness", "training", "api", "portal")
# (app, migration): nothing that runs reads what these remove.
CONTRACTED: set[tuple[str, str]] = set()
# There was no release yet: nothing that runs is older than these. No migration is added to this list.
BEFORE_THE_FIRST_RELEASE = {
    ("accounts", "0004_renewal"),
    ("liveness", "0002_review"),
    ("liveness", "0003_registry"),
    ("liveness", "0005_risks"),
    ("training", "0002_runs"),
}

_TAKES_AWAY = (RemoveField, DeleteModel, RenameField, RenameModel, AlterModelTable)
Node = tuple[str, str]


@pytest.fixture(scope="module")
def loader() -> MigrationLoader:
    return MigrationLoader(None)


def _ours(loader: MigrationLoader) -> dict[Node, Migration]:
    labels = {config.label for config in apps.get_app_configs()} & set(OURS)
    return {node: m for node, m in loader.disk_migrations.items() if node[0] in labels}


def faults(migration: Migration, before: ProjectState) -> list[str]:
    """What the version before would stumble over. before: the models as that version knows them."""
    state, found, new = before.clone(), [], set()
    gone: list[models.BaseConstraint] = []
    for operation in _unfolded(migration.operations):
        if isinstance(operation, CreateModel):
            new.add(operation.name_lower)
        elif isinstance(operation, RemoveConstraint):
            known = state.models[migration.app_label, operation.model_name_lower]
            gone.append(known.get_constraint_by_name(operation.name))
        elif not _is_looser(operation, gone) and _harms(operation, state, migration.app_label, new):
            found.append(operation.describe())
        operation.state_forwards(migration.app_label, state)
    return found


def _unfolded(operations: Any) -> Iterator[Operation]:
    for operation in operations:
        if isinstance(operation, SeparateDatabaseAndState):
            yield from _unfolded(operation.database_operations)
        else:
            yield operation


def _harms(operation: Operation, state: ProjectState, app: str, new: set[str]) -> bool:
    if getattr(operation, "model_name_lower", None) in new:
        return False
    if isinstance(operation, AddField):
        return _must_be_written(operation.field)
    if isinstance(operation, AlterField):
        before = state.models[app, operation.model_name_lower].fields[operation.name]
        return _is_narrower(before, operation.field)
    return isinstance(operation, (*_TAKES_AWAY, AddConstraint, AlterUniqueTogether, RunSQL))


def _is_looser(operation: Operation, gone: list[models.BaseConstraint]) -> bool:
    """A uniqueness of more columns in the place of one of fewer: who keeps the old one keeps the new one."""
    new = getattr(operation, "constraint", None)
    return isinstance(new, models.UniqueConstraint) and any(
        isinstance(old, models.UniqueConstraint)
        and set(old.fields) < set(new.fields)
        and old.condition == new.condition
        for old in gone
    )


def _must_be_written(field: Any) -> bool:
    """A column that the version before, which does not know it, could not leave out."""
    return not (field.many_to_many or field.null or field.has_db_default())


def _is_narrower(before: Any, after: Any) -> bool:
    """What the version before writes, or reads, may not fit any more."""
    return (
        before.get_internal_type() != after.get_internal_type()
        or before.db_column != after.db_column
        or (before.null and not after.null)
        or (after.unique and not before.unique)
        or (before.max_length or 0) > (after.max_length or before.max_length or 0)
    )


def _by_the_rules(loader: MigrationLoader) -> dict[Node, Migration]:
    excused = CONTRACTED | BEFORE_THE_FIRST_RELEASE
    return {node: m for node, m in _ours(loader).items() if node not in excused}


def _since_the_last_excused(loader: MigrationLoader) -> list[Node]:
    last = dict(sorted(CONTRACTED | BEFORE_THE_FIRST_RELEASE))
    return [node for node in _ours(loader) if node[1] > last.get(node[0], "")]


def test_no_migration_breaks_the_version_before(loader: MigrationLoader) -> None:
    every = _by_the_rules(loader)
    assert len(every) >= 8
    broken = {
        node: found
        for node, migration in every.items()
        if (found := faults(migration, loader.project_state(node, at_end=False)))
    }
    assert broken == {}


def test_only_migrations_that_need_it_are_excused(loader: MigrationLoader) -> None:
    every = _ours(loader)
    for node in CONTRACTED | BEFORE_THE_FIRST_RELEASE:
        assert faults(every[node], loader.project_state(node, at_end=False)) != [], node


@pytest.mark.parametrize(
    "operation",
    [
        RemoveField("attempt", "reason"),
        RenameField("attempt", "reason", "why"),
        DeleteModel("Attempt"),
        RenameModel("Attempt", "Try"),
        AlterModelTable("Attempt", "tries"),
        AddField("attempt", "planted", models.IntegerField(default=0)),
        AlterField("attempt", "secret", models.BinaryField()),
        AlterField("attempt", "reason", models.CharField(max_length=1)),
        AlterField("attempt", "reason", models.IntegerField(default=0)),
        AddConstraint(
            "attempt", models.CheckConstraint(condition=models.Q(reason=""), name="planted")
        ),
        RunSQL("DROP TABLE liveness_attempt"),
        SeparateDatabaseAndState(database_operations=[DeleteModel("Attempt")]),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_a_migration_that_breaks_the_version_before_is_found(
    loader: MigrationLoader, operation: Operation
) -> None:
    planted = type("Migration", (Migration,), {"operations": [operation]})
    assert faults(planted("planted", "liveness"), loader.project_state()) != []


@pytest.mark.parametrize(
    "operation",
    [
        AddField("attempt", "planted", models.IntegerField(null=True)),
        AddField("attempt", "planted", models.IntegerField(db_default=0)),
        AlterField("attempt", "reason", models.CharField(max_length=200)),
    ],
)
def test_a_migration_that_only_adds_is_not_refused(
    loader: MigrationLoader, operation: Operation
) -> None:
    planted = type("Migration", (Migration,), {"operations": [operation]})
    assert faults(planted("planted", "liveness"), loader.project_state()) == []


@pytest.mark.parametrize(
    ("fields", "condition", "harmless"),
    [
        (["user", "purpose"], models.Q(withdrawn__isnull=True), True),
        (["version"], models.Q(withdrawn__isnull=True), False),
        (["user", "purpose"], None, False),
    ],
)
def test_a_constraint_may_only_be_replaced_by_a_looser_one(
    loader: MigrationLoader, fields: list[str], condition: models.Q | None, harmless: bool
) -> None:
    state = loader.project_state(("accounts", "0006_purposes"), at_end=False)
    new = models.UniqueConstraint(fields=fields, condition=condition, name="planted")
    operations = [
        AddField("consent", "purpose", models.CharField(max_length=9, db_default="")),
        RemoveConstraint("consent", "one_consent_in_force"),
        AddConstraint("consent", new),
    ]
    planted = type("Migration", (Migration,), {"operations": operations})
    assert (faults(planted("planted", "accounts"), state) == []) == harmless


@pytest.mark.django_db
def test_the_version_before_reads_and_writes_the_tables_of_today(loader: MigrationLoader) -> None:
    """Its models, as they were before each migration, against the database after all of them."""
    stumbled: dict[tuple[Node, str], str] = {}
    for node in _since_the_last_excused(loader):
        before = loader.project_state(node, at_end=False).apps
        known = [m for m in before.get_models() if m._meta.app_label == node[0]]
        stumbled |= {(node, m.__name__): why for m in known if (why := stumbles(m))}
    assert stumbled == {}


@pytest.mark.django_db
def test_a_column_that_the_version_before_cannot_know_makes_it_stumble() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE planted (id integer PRIMARY KEY, a text NOT NULL, b text NOT NULL)"
        )

    class Planted(models.Model):
        a = models.TextField()

        class Meta:
            app_label, db_table, managed = "planted", "planted", False

    assert "planted.b" in stumbles(Planted)


def stumbles(model: Any) -> str:
    """What goes wrong when this class of an older version adds, reads, changes and deletes a row of its table."""
    try:
        with transaction.atomic():
            row = model._base_manager.create(**_values(model))
            found = model._base_manager.get(pk=row.pk)
            model._base_manager.filter(pk=found.pk).update(**_values(model))
            model._base_manager.filter(pk=found.pk).delete()
            transaction.set_rollback(True)
    except Error as error:
        return str(error)
    return ""


def _values(model: Any) -> dict[str, Any]:
    """Something for every column that has no default; whom a row belongs to is not looked at before a commit."""
    needed = (f for f in model._meta.concrete_fields if not (f.has_default() or f.null))
    return {f.attname: _example(f) for f in needed if not f.primary_key or not f.db_returning}


def _example(field: Any) -> Any:
    if field.is_relation:
        return _example(field.target_field) if field.target_field.is_relation else 1
    if field.choices:
        return field.choices[0][0]
    kinds = {
        "BooleanField": False,
        "BinaryField": b"x",
        "DateTimeField": timezone.now(),
        "DateField": timezone.now().date(),
        "UUIDField": "00000000-0000-4000-8000-000000000000",
        "JSONField": {},
        "FloatField": 0.0,
    }
    text = field.get_internal_type() in ("CharField", "TextField", "EmailField", "SlugField")
    return "x" if text else kinds.get(field.get_internal_type(), 1)
