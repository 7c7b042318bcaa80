"""What can be wrong with a site that has no camera of its own: each part examined, and how to mend it in words.

`manage.py doctor` prints it, `/readyz` asks the few parts that decide whether this process can serve.
"""

import logging
import os
import shutil
import socket
import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import redis
from celery.exceptions import CeleryError
from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.mail import get_connection
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from kombu.exceptions import OperationalError

from accounts import matching
from accounts.models import FaceTemplate
from liveness import evidence, runtime
from liveness.crypto import SealError
from liveness.engine import weights
from liveness.engine.weights import WeightsError
from liveness.models import Evidence
from portal import tracing
from portal.celery import app

OK, WARNING, PROBLEM = "ok", "warning", "problem"

logger = logging.getLogger(__name__)

_SKEW_SECONDS = 5.0
_LEAST_FREE = 1 << 30
_CERTIFICATE_DAYS = 14
_PATIENCE = 3.0
_QUEUES = ("celery", "training")
_DATABASE_FIRST = "Mend the database and its tables first."


@dataclass(frozen=True)
class Finding:
    """``state``: ok, warning or problem; ``mend``: what to do, empty when ok."""

    part: str
    state: str
    text: str
    mend: str = ""


Examination = Callable[[], Iterator[Finding]]


def examine(parts: tuple[Examination, ...] | None = None) -> list[Finding]:
    """Every part, one after the other. A part that cannot even be examined is a problem, never an exception."""
    found: list[Finding] = []
    for part in parts or EVERYTHING:
        name = part.__name__.replace("_", " ")
        try:
            found += part()
        except DatabaseError as error:
            found.append(Finding(name, PROBLEM, f"unknown: {_line(error)}", _DATABASE_FIRST))
        except Exception as error:
            text = f"could not be examined: {type(error).__name__}: {_line(error)}"
            found.append(Finding(name, PROBLEM, text, "See what is said of the other parts."))
    return found


def ready() -> dict[str, bool]:
    """What this process needs in order to take an attempt, part by part; the log says what fails, and how to mend it."""
    parts: dict[str, bool] = {}
    for finding in examine((database, tables, broker, storage, model)):
        fails = finding.state == PROBLEM
        parts[finding.part] = parts.get(finding.part, True) and not fails
        if fails:
            logger.error("not ready: %s %s. %s", finding.part, finding.text, finding.mend)
    return parts


def configuration() -> Iterator[Finding]:
    public = urlsplit(settings.SITE_URL).scheme == "https"
    for message in run_checks(include_deployment_checks=public):
        state = PROBLEM if message.level >= ERROR else WARNING
        yield Finding("settings", state, str(message.msg), message.hint or f"See {message.id}.")
    yield Finding("settings", OK, f"{settings.SITE_URL}, DEBUG {'on' if settings.DEBUG else 'off'}")


def database() -> Iterator[Finding]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        mend = "Start the database, or correct DATABASE_URL."
        yield Finding("database", PROBLEM, f"unreachable: {_line(error)}", mend)
        return
    yield Finding("database", OK, f"{connection.vendor} answers")


def tables() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing and not executor.loader.applied_migrations:
        mend = "Start the portal, which makes them; or run manage.py migrate."
        yield Finding("tables", PROBLEM, "there are none yet", mend)
        return
    if missing:
        mend = "Run manage.py migrate; the portal of the version before goes on working meanwhile."
        yield Finding("tables", PROBLEM, f"{len(missing)} migrations are not applied", mend)
        return
    yield Finding("tables", OK, "up to date")


def broker() -> Iterator[Finding]:
    if not settings.REDIS_URL:
        yield Finding("broker", OK, "none: tasks run inside the portal")
        return
    try:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=_PATIENCE)
        client.ping()
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
    except redis.RedisError as error:
        mend = "Start Redis, or correct REDIS_URL."
        yield Finding("broker", PROBLEM, f"unreachable: {_line(error)}", mend)
        return
    if policy != "noeviction":
        mend = "Set maxmemory-policy to noeviction: queued tasks must not be dropped."
        yield Finding("broker", WARNING, f"Redis may evict ({policy})", mend)
    yield Finding("broker", OK, "Redis answers")


def workers() -> Iterator[Finding]:
    if not settings.REDIS_URL:
        return
    try:
        answers = app.control.inspect(timeout=_PATIENCE).active_queues() or {}
    except (CeleryError, OperationalError, redis.RedisError, OSError) as error:
        yield Finding("workers", PROBLEM, f"cannot be asked: {_line(error)}", "Mend the broker.")
        return
    served = {queue["name"] for queues in answers.values() for queue in queues}
    for name in _QUEUES:
        if name in served:
            yield Finding("workers", OK, f"somebody serves the queue {name}")
        else:
            mend = (
                "make worker" if name == "celery" else "make trainer, when a model is to be trained"
            )
            yield Finding(
                "workers", WARNING, f"nobody serves the queue {name}", f"Start one: {mend}."
            )


def clock() -> Iterator[Finding]:
    """Tickets expire by the clock: all machines of a site need the same one."""
    for name, theirs in _other_clocks():
        skew = abs(theirs - time.time())
        if skew > _SKEW_SECONDS:
            mend = "Let both machines follow a time server (NTP)."
            yield Finding("clock", PROBLEM, f"{skew:.0f} seconds apart from {name}", mend)
        else:
            yield Finding("clock", OK, f"agrees with {name}")


def _other_clocks() -> Iterator[tuple[str, float]]:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
            yield "the database", float(cursor.fetchone()[0])
    if settings.REDIS_URL:
        seconds, micros = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=_PATIENCE).time()
        yield "Redis", seconds + micros / 1e6


def keys() -> Iterator[Finding]:
    """What was sealed last must be readable with the keys that are configured."""
    mend = "Give LIVENESS_ENCRYPTION_KEYS every key that is still in use, or restore var/secrets from its copy."
    for name, open_one in (("template", _open_a_template), ("evidence", _open_evidence)):
        try:
            found = open_one()
        except SealError as error:
            yield Finding("keys", PROBLEM, f"the newest {name} cannot be opened: {error}", mend)
        else:
            yield Finding("keys", OK, f"the newest {name} opens" if found else f"no {name} yet")
    for path in sorted((settings.VAR / "secrets").glob("*")):
        if path.stat().st_mode & 0o077:
            text = f"{path} can be read by others"
            yield Finding("keys", PROBLEM, text, f"chmod 600 {path}, and think about new keys.")


def _open_a_template() -> bool:
    face = FaceTemplate.objects.order_by("-created").first()
    if face is not None:
        matching.open_template(face)
    return face is not None


def _open_evidence() -> bool:
    newest = Evidence.objects.order_by("-pk").first()
    if newest is not None:
        evidence.open_frame(newest)
    return newest is not None


def weight_files() -> Iterator[Finding]:
    for name, pinned, path in (
        ("detector", weights.YUNET, settings.LIVENESS_DETECTOR_PATH),
        ("embedder", weights.SFACE, settings.LIVENESS_EMBEDDER_PATH),
    ):
        try:
            size = len(weights.read(pinned, Path(path) if path else None))
        except WeightsError as error:
            yield Finding(
                "weights", PROBLEM, f"{name}: {error}", "Run make install, or name the file."
            )
        else:
            yield Finding("weights", OK, f"{name}, {size:,} bytes{', yours' if path else ''}")


def model() -> Iterator[Finding]:
    try:
        runtime.get_engine()
    except runtime.EngineUnavailable:
        mend = "Promote a sound model (manage.py models list), or correct LIVENESS_BUNDLE."
        yield Finding("model", PROBLEM, "no proven liveness model can be loaded", mend)
        return
    state = runtime.model_state()
    if state == "behind":
        yield Finding(
            "model", WARNING, "the active model failed here; the one before serves", _BEHIND
        )
    else:
        yield Finding("model", OK, state)


_BEHIND = "The page Models says why; roll back, or promote another."


def storage() -> Iterator[Finding]:
    mend = "Free some space, or mend the folder's owner and mode."
    try:
        probe = settings.VAR / f".probe-{uuid.uuid4().hex}"
        probe.write_bytes(b"x")
        probe.unlink()
        free = shutil.disk_usage(settings.VAR).free
    except OSError as error:
        yield Finding("storage", PROBLEM, f"{settings.VAR} cannot be written: {_line(error)}", mend)
        return
    if free < _LEAST_FREE:
        yield Finding("storage", WARNING, f"{free >> 20} MB free in {settings.VAR}", mend)
    else:
        yield Finding("storage", OK, f"{free / 2**30:.1f} GB free in {settings.VAR}")


def bundles() -> Iterator[Finding]:
    store = storages["bundles"]
    try:
        name = store.save(f"probe/{uuid.uuid4().hex}", ContentFile(b"x"))
        with store.open(name) as file:
            whole = file.read() == b"x"
        store.delete(name)
    except Exception as error:
        mend = "Correct BUNDLE_STORAGE and BUNDLE_STORAGE_OPTIONS, or the rights behind them."
        yield Finding("bundles", PROBLEM, f"the storage of models fails: {_line(error)}", mend)
        return
    state = OK if whole else PROBLEM
    yield Finding("bundles", state, "written, read and deleted", "" if whole else "It lost a byte.")


def mail() -> Iterator[Finding]:
    if settings.EMAIL_BACKEND.endswith("console.EmailBackend"):
        yield Finding("mail", WARNING, "mails go to the log", "Set EMAIL_URL, as in smtp://…")
        return
    try:
        with get_connection(timeout=_PATIENCE):
            pass
    except OSError as error:
        yield Finding("mail", PROBLEM, f"cannot be sent: {_line(error)}", "Correct EMAIL_URL.")
        return
    yield Finding("mail", OK, "the mail server answers")


def certificate() -> Iterator[Finding]:
    """Browsers give the camera to https pages alone, or on the loopback address."""
    site = urlsplit(settings.SITE_URL)
    if site.scheme != "https":
        yield Finding("tls", OK, "none: the camera works on this machine alone")
        return
    host, port = site.hostname or "", site.port or 443
    mend = "Look at the proxy's log; it has to hold a valid certificate for the name in SITE_URL."
    try:
        days = _days_left(host, port)
    except OSError as error:
        yield Finding("tls", PROBLEM, f"{host}:{port} cannot be trusted: {_line(error)}", mend)
        return
    state = OK if days > _CERTIFICATE_DAYS else WARNING
    yield Finding("tls", state, f"valid for {days:.0f} days", "" if state == OK else mend)


def _days_left(host: str, port: int) -> float:
    context = ssl.create_default_context()
    with (
        socket.create_connection((host, port), _PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        told = secured.getpeercert() or {}
    end = ssl.cert_time_to_seconds(str(told["notAfter"]))
    return (end - datetime.now(UTC).timestamp()) / 86400


def traces() -> Iterator[Finding]:
    if not settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        yield Finding("traces", OK, "off")
        return
    if absent := tracing.missing():
        text = f"asked for, but not installed: {', '.join(absent)}"
        yield Finding("traces", WARNING, text, "pip install -r requirements-otel.txt")
        return
    collector = urlsplit(settings.OTEL_EXPORTER_OTLP_ENDPOINT)
    place = collector.hostname or "", collector.port or (443 if collector.scheme == "https" else 80)
    try:
        socket.create_connection(place, _PATIENCE).close()
    except OSError as error:
        mend = "Start the collector, or correct OTEL_EXPORTER_OTLP_ENDPOINT; until then traces are lost."
        yield Finding("traces", WARNING, f"nobody takes them: {_line(error)}", mend)
        return
    yield Finding("traces", OK, f"on, {place[0]}:{place[1]} takes them")


def processors() -> Iterator[Finding]:
    cores = os.cpu_count() or 1
    if cores < settings.LIVENESS_WORKERS:
        mend = f"Set LIVENESS_WORKERS to {cores} or less: more threads only wait for each other."
        yield Finding("threads", WARNING, f"{settings.LIVENESS_WORKERS} on {cores} cores", mend)
    else:
        yield Finding("threads", OK, f"{settings.LIVENESS_WORKERS} on {cores} cores")


EVERYTHING: tuple[Examination, ...] = (
    configuration,
    database,
    tables,
    broker,
    workers,
    clock,
    keys,
    weight_files,
    model,
    storage,
    bundles,
    mail,
    certificate,
    traces,
    processors,
)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
