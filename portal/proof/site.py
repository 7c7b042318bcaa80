"""A whole site for the proof: Redis, a portal and a Celery worker, each a process of its own."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from portal.demo.server import BASE_DIR, Server, ServerError, running

_PATIENCE = 30.0


@dataclass
class Site:
    """portal: the server with its address and commands; worker: the process that takes what is queued."""

    portal: Server
    worker: "subprocess.Popen[bytes]"


@contextmanager
def site(var: Path, **settings: str) -> Iterator[Site]:
    """Start all three, and stop them in the end. settings: environment of the portal and the worker.

    REDIS_URL of the environment is used as it is; otherwise ``redis-server`` is started. Raises ServerError.
    """
    with ExitStack() as stack:
        var.mkdir(parents=True, exist_ok=True)
        redis = os.environ.get("REDIS_URL") or stack.enter_context(_redis(var))
        portal = stack.enter_context(running(var, REDIS_URL=redis, **settings))
        worker = stack.enter_context(_worker(portal, var))
        yield Site(portal, worker)


@contextmanager
def _redis(var: Path) -> Iterator[str]:
    """A server of our own on a free port that keeps nothing on disk."""
    program = shutil.which("redis-server")
    if program is None:
        raise ServerError("Redis is needed: install redis-server, or set REDIS_URL.")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--save", "", "--dir", str(var), "--bind", "127.0.0.1"]
    with _process(command, var / "redis.log", dict(os.environ)):
        _wait_for(port)
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def _worker(portal: Server, var: Path) -> Iterator["subprocess.Popen[bytes]"]:
    words = ["-A", "portal", "worker", "-Q", "celery,training", "--concurrency", "1"]
    command = [sys.executable, "-m", "celery", *words, "--loglevel", "INFO"]
    with _process(command, var / "worker.log", portal.environment) as process:
        yield process


@contextmanager
def _process(
    command: list[str], log: Path, environment: dict[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=BASE_DIR, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise ServerError("Redis did not start.")
