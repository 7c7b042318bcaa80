"""What the end-to-end tests need besides Python: found, or skipped in one line, or (with CI=true) required."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from portal import tracing

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(
    filter(None, map(shutil.which, filter(None, (os.environ.get("CHROMIUM"), *_NAMES)))), None
)
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
_POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres")
_REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379")


def chromium() -> str:
    """The path of a Chromium."""
    if CHROMIUM is None:
        _missing("Chromium is not installed")
    return str(CHROMIUM)


def nginx() -> str:
    """The path of an nginx. Its tests are skipped without it on every machine."""
    if NGINX is None:
        pytest.skip("nginx is not installed")
    return NGINX


def opentelemetry() -> None:
    """What requirements-otel.txt names. Its tests are skipped without it on every machine."""
    if tracing.missing():
        pytest.skip("requirements-otel.txt is not installed")


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a new, empty database, dropped at the end."""
    name = f"livegate_test_{secrets.token_hex(4)}"
    try:
        server = psycopg.connect(_POSTGRES, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        _missing("PostgreSQL does not answer at TEST_POSTGRES_URL")
    with server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlsplit(_POSTGRES)._replace(path=f"/{name}").geturl()
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def redis_database() -> Iterator[str]:
    """The URL of an empty Redis database that no other test run uses, emptied again at the end."""
    for number in range(15, 0, -1):
        url = urlsplit(_REDIS)._replace(path=f"/{number}").geturl()
        with redis.Redis.from_url(url, socket_connect_timeout=3) as client:
            if not _reserve(client):
                continue
            try:
                yield url
            finally:
                client.flushdb()
            return
    pytest.fail("Redis has no empty database left.")


def _reserve(client: redis.Redis) -> bool:
    """Mark an empty database as ours, for half an hour at most."""
    try:
        return client.dbsize() == 0 and bool(client.set("livegate-test", "1", nx=True, ex=1800))
    except redis.ConnectionError:
        _missing("Redis does not answer at TEST_REDIS_URL")


def _missing(what: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}; with CI=true it is required.")
    pytest.skip(what)
