"""The real server, started on a free port with a database and a folder of its own."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parents[2]
_PATIENCE = 900.0


class ServerError(RuntimeError):
    """The server did not start; the message ends with the last lines of its log."""


@dataclass
class Server:
    """A running portal: its address, its environment, and the process that serves it."""

    url: str
    environment: dict[str, str] = field(repr=False)
    process: "subprocess.Popen[bytes]"
    log: Path

    def manage(self, *command: str) -> str:
        """Run a management command against this server's database; its output."""
        return _manage(self.environment, *command)

    def at(self, host: str) -> str:
        """Its address under another name of this machine: passkeys are bound to a name, such as localhost."""
        return self.url.replace("127.0.0.1", host)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(var: Path, entry: Sequence[str] = ("manage.py",), **settings: str) -> Iterator[Server]:
    """Prepare ``var``, start the portal and wait until it is healthy; stop it at the end.

    entry: what Python runs instead of manage.py; settings: environment variables of the portal. Raises ServerError when it does not become healthy.
    """
    server = _start(var, entry, settings)
    try:
        _wait_until_healthy(server)
        yield server
    finally:
        server.stop()


def _start(var: Path, entry: Sequence[str], settings: Mapping[str, str]) -> Server:
    var.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = _environment(var, {"SITE_URL": url, **settings})
    log = var / f"server-{port}.log"
    command = [sys.executable, *entry, "serve", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=BASE_DIR, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    return Server(url, environment, process, log)


def _environment(var: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the caller's own installation gets in: no database, no cache, no model of theirs."""
    own = {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "LIVEGATE_VAR": str(var),
        "DATABASE_URL": f"sqlite:///{var / 'livegate.sqlite3'}",
        "REDIS_URL": "",
        "LIVENESS_BUNDLE": "",
        "DEBUG": "0",
        "EMAIL_URL": "dummymail://",
    }
    return {**os.environ, **own, **settings}


def _manage(environment: Mapping[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=BASE_DIR,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServerError(f"manage.py {command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(server: Server) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and server.process.poll() is None:
        if _healthy(server.url):
            return
        time.sleep(0.1)
    tail = server.log.read_text(errors="replace").splitlines()[-15:]
    raise ServerError("The portal did not become healthy:\n" + "\n".join(tail))


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
