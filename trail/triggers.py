"""The database's own refusal to change or delete an entry, whoever asks; on SQLite and PostgreSQL."""

from typing import Any

_TABLE = "trail_auditentry"
_WORDS = "The audit trail is append-only."
_ABORT = f"BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END"
_SAME = "number = NEW.number OR previous = NEW.previous OR digest = NEW.digest"
_TAKEN = f"SELECT 1 FROM {_TABLE} WHERE {_SAME}"  # noqa: S608  (constants alone)

# REPLACE deletes without a DELETE trigger, so a row that would take another's place is refused as well.
_SQLITE = {
    "trail_no_update": f"BEFORE UPDATE ON {_TABLE} {_ABORT}",
    "trail_no_delete": f"BEFORE DELETE ON {_TABLE} {_ABORT}",
    "trail_no_replace": f"BEFORE INSERT ON {_TABLE} WHEN EXISTS ({_TAKEN}) {_ABORT}",
}
_POSTGRES = {
    "trail_no_change": f"BEFORE UPDATE OR DELETE OR TRUNCATE ON {_TABLE} "
    "FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
}
_FUNCTION = (
    "CREATE OR REPLACE FUNCTION trail_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_WORDS}'; END $$"
)


def install(connection: Any) -> None:
    """Put the guards up. Raises NotImplementedError on any other database."""
    guards = _guards(connection)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_FUNCTION)
        for name, rule in guards.items():
            cursor.execute(f"CREATE TRIGGER {name} {rule}")


def remove(connection: Any) -> None:
    """Take the guards down: for undoing the migration, and for tests that empty all tables."""
    where = f" ON {_TABLE}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for name in _guards(connection):
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{where}")


def missing(connection: Any) -> list[str]:
    """Names of guards that are not there, or do not stand guard."""
    query = (
        "SELECT tgname FROM pg_trigger WHERE tgenabled = 'O' AND NOT tgisinternal"
        if connection.vendor == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        found = {row[0] for row in cursor.fetchall()}
    return sorted(set(_guards(connection)) - found)


def _guards(connection: Any) -> dict[str, str]:
    try:
        return {"sqlite": _SQLITE, "postgresql": _POSTGRES}[connection.vendor]
    except KeyError:
        raise NotImplementedError(
            f"The audit trail has no guard for {connection.vendor}; use PostgreSQL or SQLite."
        ) from None
