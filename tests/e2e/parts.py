"""A PostgreSQL and a Redis of the test's own, which may be killed and started again with what they had written."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from portal.demo.server import free_port

_PATIENCE = 240.0
_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
_PATH = os.pathsep.join([os.environ.get("PATH", ""), *map(str, _PROGRAMS)])


class Part:
    """A server process that can be killed and started again. answers: whether it is up."""

    def __init__(self, command: Sequence[str], url: str, answers: Callable[[], bool]) -> None:
        self.url = url
        self._command, self._answers = command, answers
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + _PATIENCE
        while not self._answers():
            assert self.process.poll() is None, f"{self._command[0]} ended by itself."
            assert time.monotonic() < end, f"{self._command[0]} does not answer."
            time.sleep(0.1)

    def kill(self) -> None:
        """As a crash would: nothing is closed, nobody is told."""
        self.process.send_signal(signal.SIGQUIT if "postgres" in self.url else signal.SIGKILL)
        self.process.wait(30)


@contextmanager
def own_postgres() -> Iterator[Part]:
    """A new cluster with an empty database; ``SIGQUIT`` ends it without a shutdown, so that it recovers at its start."""
    initdb, server = shutil.which("initdb", path=_PATH), shutil.which("postgres", path=_PATH)
    if initdb is None or server is None:
        pytest.skip("initdb and postgres are not installed")
    folder = Path(tempfile.mkdtemp(prefix="livegate-postgres-"))
    own = _as_somebody(folder)
    data, port = folder / "data", free_port()
    made = ["-D", str(data), "-U", "livegate", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run([*own, initdb, *made], check=True, capture_output=True)
    url = f"postgres://livegate@127.0.0.1:{port}/postgres"
    options = ["-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder)]
    part = None
    try:
        part = Part([*own, server, *options], url, lambda: _postgres_answers(url))
        yield part
    finally:
        if part is not None and part.process.poll() is None:
            part.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def own_redis(folder: Path) -> Iterator[Part]:
    """An empty Redis that writes down every change, as the Compose file's does."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    kept = ["--appendonly", "yes", "--appendfsync", "always", "--dir", str(folder)]
    part = Part([program, "--port", str(port), *kept], url, lambda: _redis_answers(url))
    try:
        yield part
    finally:
        if part.process.poll() is None:
            part.kill()


def _as_somebody(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: then it runs as the user postgres, who owns its folder."""
    if os.geteuid():
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed, and PostgreSQL does not run as root")
    try:
        shutil.chown(folder, "postgres", "postgres")
    except LookupError:
        pytest.skip("There is no user postgres, and PostgreSQL does not run as root")
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


def _postgres_answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _redis_answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
