"""The portal as it grows: all of it in one process, or two portals behind a proxy with PostgreSQL, Redis and a worker."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from portal.demo.server import BASE_DIR, Server, free_port, running
from tests.e2e import needs
from tests.e2e.proxy import Proxy, proxying


@dataclass
class Machines(Server):
    """A site of several processes. url: the proxy's; process and log: the first portal's."""

    portals: Sequence[Server] = ()
    proxy: Proxy | None = None


@contextmanager
def embedded(var: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    """What `make run` starts."""
    with running(var, **settings) as server:
        yield server


@contextmanager
def many_machines(var: Path, settings: Mapping[str, str]) -> Iterator[Machines]:
    """PostgreSQL, Redis, a worker, and two portals behind a proxy that takes them in turn."""
    needs.nginx()
    with needs.postgres() as postgres, needs.redis_database() as redis:
        outside = {"DATABASE_URL": postgres, "REDIS_URL": redis}
        with spread(var, {**settings, **outside}) as machines, worker(machines):
            yield machines


@contextmanager
def spread(var: Path, settings: Mapping[str, str]) -> Iterator[Machines]:
    """Two portals of one database, behind a proxy that takes them in turn."""
    url = f"http://127.0.0.1:{free_port()}"
    own = {**settings, "SITE_URL": url, "BEHIND_PROXY": "1"}
    with (
        running(var, **own) as first,
        running(var, **own) as second,
        proxying(url, [first.url, second.url], var / "proxy") as proxy,
    ):
        yield Machines(url, first.environment, first.process, first.log, (first, second), proxy)


@contextmanager
def worker(
    server: Server, *, queues: str = "celery", **settings: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """A Celery worker in a process of its own, so that killing it leaves its work without anybody."""
    command = [sys.executable, "-m", "celery", "-A", "portal", "worker", "--pool", "solo"]
    process = subprocess.Popen(
        [*command, "-Q", queues, "--loglevel", "WARNING"],
        cwd=BASE_DIR,
        env={**server.environment, **settings},
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
