"""A site in one file, written while it serves and read back into an empty one: on SQLite or PostgreSQL, from either.

A ZIP archive: ``site.json`` (see ``Facts``), ``rows/LABEL.jsonl`` with one JSON list of column values a row, and
``files/`` with what the folders of models and media hold. The keys are not in it, sessions are not, and neither are the
training copies: what opens the faces must not lie beside them, and nobody stays signed in on a site that was rebuilt.
"""

import base64
import hashlib
import hmac
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any
from uuid import UUID
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from django.apps import apps
from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from accounts import erased, tombstones
from accounts.models import User
from liveness import crypto, keyring
from liveness.models import Attempt
from portal.management.commands.rotate_keys import SEALED
from trail import chain, triggers

FORMAT = 1
LEFT_OUT = frozenset({"sessions.Session"})
_SITE, _ROWS, _FILES = "site.json", "rows/", "files/"
_CHUNK, _BATCH = 500, 200
_OURS = "accounts_user"


class BackupError(RuntimeError):
    """The backup cannot be written or read back; the message says why and what to do. Nothing was changed."""


@dataclass(frozen=True)
class Facts:
    """``made``: ISO time. ``tables``: columns by label. ``rows``: counts by label. ``migrations``: [app, name] applied.

    ``keys``: ids of the encryption keys it needs; ``signed_by``: tells whether a SECRET_KEY is the site's; ``head``: of
    the audit trail, as it was.
    """

    format: int
    made: str
    engine: str
    tables: dict[str, list[str]]
    rows: dict[str, int]
    files: int
    migrations: list[list[str]]
    keys: list[str]
    signed_by: str
    head: str


@dataclass(frozen=True)
class Restored:
    """What was read back, and how many erasures since then were done again."""

    facts: Facts
    erased_again: int


def write(path: Path) -> Facts:
    """Write everything as it is at one moment, for the owner's eyes alone. Raises BackupError."""
    if path.exists():
        raise BackupError(f"{path} exists already; name a new file.")
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file, ZipFile(file, "w", ZIP_DEFLATED) as archive:
            facts = _write(archive)
        unfinished.rename(path)
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return facts


def read(path: Path, erasures: list[Path]) -> Restored:
    """Fill this empty site and do again what was erased since: by VAR/erasures.jsonl and these further lists.

    Raises BackupError; what was loaded is undone then, tables that were made stay.
    """
    try:
        with ZipFile(path) as archive:
            facts = Facts(**json.loads(archive.read(_SITE)))
            _check(facts)
            lists = tombstones.read([settings.VAR / tombstones.FILE, *erasures])
            _prepare(facts)
            _load(archive, facts)
            call_command("migrate", interactive=False, verbosity=0)
            _put_files(archive)
    except (BadZipFile, KeyError, TypeError, ValueError, OSError) as error:
        raise BackupError(f"{path} cannot be read: {error}") from error
    again = erased.erase_again(lists)
    chain.append("restored", made=facts.made, head=facts.head, erased_again=again)
    return Restored(facts, again)


def _write(archive: ZipFile) -> Facts:
    made, tables, rows = timezone.now(), {}, {}
    with _one_moment():
        for model in _models():
            label = model._meta.label
            tables[label] = [field.attname for field in model._meta.concrete_fields]
            with archive.open(f"{_ROWS}{label}.jsonl", "w", force_zip64=True) as member:
                rows[label] = _write_rows(member, model, tables[label])
        facts = Facts(
            format=FORMAT,
            made=made.isoformat(),
            engine=connection.vendor,
            tables=tables,
            rows=rows,
            files=_take_files(archive),
            migrations=sorted(map(list, MigrationRecorder(connection).applied_migrations())),
            keys=sorted(keyring.in_use(SEALED)),
            signed_by=_signature(settings.SECRET_KEY),
            head=chain.head(),
        )
    archive.writestr(_SITE, json.dumps(asdict(facts), indent=1))
    return facts


@contextmanager
def _one_moment() -> Iterator[None]:
    """Everything that is read inside is of one moment; nobody waits for it."""
    if connection.vendor == "sqlite":
        sqlite: Any = connection
        sqlite.ensure_connection()
        before, sqlite.transaction_mode = sqlite.transaction_mode, None
        try:
            with transaction.atomic():
                yield
        finally:
            sqlite.transaction_mode = before
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _models() -> list[type[models.Model]]:
    found = apps.get_models(include_auto_created=True)
    return [m for m in found if m._meta.managed and m._meta.label not in LEFT_OUT]


def _write_rows(member: IO[bytes], model: type[models.Model], columns: list[str]) -> int:
    count = 0
    rows = model._base_manager.order_by("pk").values_list(*columns)
    for row in rows.iterator(chunk_size=_CHUNK):
        member.write(json.dumps(row, default=_plain).encode() + b"\n")
        count += 1
    return count


def _plain(value: Any) -> str:
    """Times keep their microseconds: the audit trail's digests are made of them."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    raise TypeError(f"A {type(value).__name__} cannot be written into a backup.")


def _folders() -> Iterator[tuple[str, Path]]:
    """What lies on a disk here; a storage elsewhere outlives this site."""
    for name in ("bundles", "default"):
        storage = storages[name]
        if isinstance(storage, FileSystemStorage):
            yield name, Path(storage.location)


def _take_files(archive: ZipFile) -> int:
    count = 0
    for name, folder in _folders():
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, f"{_FILES}{name}/{path.relative_to(folder).as_posix()}")
            count += 1
    return count


def _put_files(archive: ZipFile) -> None:
    for name, folder in _folders():
        start = f"{_FILES}{name}/"
        for member in (one for one in archive.namelist() if one.startswith(start)):
            target = (folder / member.removeprefix(start)).resolve()
            if folder.resolve() not in target.parents:
                raise BackupError(f"{member} would lie outside of {folder}.")
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file)


def _signature(secret_key: str) -> str:
    return hmac.new(secret_key.encode(), b"livegate backup", hashlib.sha256).hexdigest()


def _check(facts: Facts) -> None:
    """The secrets are there, and the database is nobody's."""
    if facts.format != FORMAT:
        raise BackupError(f"This version reads backups of format {FORMAT}, not {facts.format}.")
    lost = set(facts.keys) - set(crypto.key_ids())
    if lost:
        raise BackupError(
            f"Restore the keys first, from var/secrets or LIVENESS_ENCRYPTION_KEYS of that site: {', '.join(sorted(lost))} "
            "is missing, and without it no face can be opened."
        )
    known = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    if facts.signed_by not in map(_signature, known):
        raise BackupError(
            "Restore SECRET_KEY first, or name it in SECRET_KEY_FALLBACKS: who was erased since then is known by it alone."
        )
    if _OURS in connection.introspection.table_names() and (
        User.objects.exists() or Attempt.objects.exists()
    ):
        raise BackupError("This site has accounts or attempts; restore into an empty database.")


def _prepare(facts: Facts) -> None:
    """The tables as they were when the backup was made."""
    executor = MigrationExecutor(connection)
    wanted = {(app, name) for app, name in facts.migrations}
    unknown = wanted - set(executor.loader.graph.nodes)
    if unknown:
        raise BackupError(
            f"The backup was made by a newer version: {sorted(unknown)[0]} is unknown here."
        )
    applied = set(executor.loader.applied_migrations)
    if applied and applied != wanted:
        raise BackupError(
            "The tables here are of another version than the backup's; restore into a database without tables."
        )
    if not applied:
        nodes = executor.loader.graph.node_map
        passed = {p.key for node in wanted for p in nodes[node].parents if p.key[0] == node[0]}
        executor.migrate(sorted(wanted - passed))


@transaction.atomic
def _load(archive: ZipFile, facts: Facts) -> None:
    executor = MigrationExecutor(connection)
    state = executor.loader.project_state([(app, name) for app, name in facts.migrations])
    found = {label: state.apps.get_model(label) for label in facts.tables}
    triggers.remove(connection)
    with connection.cursor() as cursor:
        for model in found.values():
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608  (a table of ours)
        for label, model in found.items():
            with archive.open(f"{_ROWS}{label}.jsonl") as member:
                _read_rows(member, model, facts.tables[label])
        for statement in connection.ops.sequence_reset_sql(no_style(), list(found.values())):
            cursor.execute(statement)
    connection.check_constraints()
    triggers.install(connection)


def _read_rows(member: IO[bytes], model: type[models.Model], columns: list[str]) -> None:
    fields = {field.attname: field for field in model._meta.concrete_fields}
    batch: list[models.Model] = []
    for line in member:
        row = zip(columns, json.loads(line), strict=True)
        values = {name: _value(fields[name], value) for name, value in row}
        batch.append(model(**values))
        if len(batch) == _BATCH:
            model._base_manager.bulk_create(batch)
            batch = []
    model._base_manager.bulk_create(batch)


def _value(field: Any, value: Any) -> Any:
    if value is None:
        return None
    return (field.target_field if field.is_relation else field).to_python(value)
