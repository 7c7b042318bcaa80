"""The proxy of deploy/nginx.conf, as it stands there, before portals on this machine."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from portal.demo.server import BASE_DIR
from tests.e2e import needs

DEPLOY = BASE_DIR / "deploy"
_AROUND = """
pid {var}/nginx.pid;
error_log {var}/nginx-error.log;
worker_processes 1;
events {{ }}
http {{
    log_format shared '$request_method $request_uri $status $upstream_addr';
    access_log {var}/nginx-access.log shared;
    {folders}
    include {var}/livegate.conf;
}}
"""
_TURNS = """map "$request_method $uri" $turn {
    default livegate;
    "~^GET .*/capture/$" pages;
    "~^GET /ws/" sockets;
    "~^POST .*/finish/$" pages;
}
"""
_FOLDERS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclass(frozen=True)
class Asked:
    """One request as the proxy wrote it down. portal: who answered last, as host:port."""

    method: str
    path: str
    status: int
    portal: str


@dataclass(frozen=True)
class Proxy:
    url: str
    var: Path

    def asked(self) -> list[Asked]:
        """Every request that is over."""
        lines = (self.var / "nginx-access.log").read_text().splitlines()
        rows = [line.split(" ", 3) for line in lines]
        return [Asked(r[0], urlsplit(r[1]).path, int(r[2]), r[3].split(", ")[-1]) for r in rows]


@contextmanager
def proxying(url: str, portals: Sequence[str], var: Path) -> Iterator[Proxy]:
    """Take what comes to ``url`` to the portals in turn. url, portals: http://host:port."""
    executable = needs.nginx()
    var.mkdir(parents=True, exist_ok=True)
    (var / "livegate.conf").write_text(site(url, portals))
    folders = "\n    ".join(f"{name}_temp_path {var}/{name};" for name in _FOLDERS)
    (var / "nginx.conf").write_text(_AROUND.format(var=var, folders=folders))
    command = [executable, "-c", str(var / "nginx.conf"), "-p", str(var), "-g", "daemon off;"]
    with (var / "nginx-output.log").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        _wait_for(url, process, var / "nginx-output.log")
        yield Proxy(url, var)
    finally:
        process.terminate()
        process.wait(20)


def site(url: str, portals: Sequence[str]) -> str:
    """deploy/nginx.conf with these addresses, without TLS, which this machine has no certificate for.

    A capture's socket goes to the first portal, and its page and its form to the second, as long as these stand; all
    else is taken in turn.
    """
    text = (DEPLOY / "nginx.conf").read_text()
    every = [f"server {urlsplit(portal).netloc}" for portal in portals]
    text, found = re.subn(r"(    server 127\.0\.0\.1:\d+;\n)+", _servers(every), text)
    assert found == 1
    text = re.sub(r"    ssl_\w+ .*\n", "", text)
    text = text.replace("/usr/local/share/livegate", str(DEPLOY))
    text = text.replace("proxy_pass http://livegate;", "proxy_pass http://$turn;")
    spare = [f"{server} backup" for server in every]
    groups = {
        "sockets": [every[0], *spare[1:]],
        "pages": [*every[1:2], *spare[:1], *spare[2:]] if every[1:] else every,
    }
    turns = [f"upstream {name} {{\n{_servers(those)}}}\n" for name, those in groups.items()]
    text = "".join([*turns, _TURNS, text])
    return text.replace("listen 443 ssl;", f"listen {urlsplit(url).netloc};")


def _servers(those: Sequence[str]) -> str:
    return "".join(f"    {server};\n" for server in those)


def _wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    place, end = urlsplit(url), time.monotonic() + 30
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection((str(place.hostname), int(place.port or 80)), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"nginx did not start: {log.read_text()[-1000:]}")
