"""The proxies that the repository brings along: what they say when no portal answers, and to whom they hang up."""

import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from portal.demo.server import BASE_DIR, free_port
from tests.e2e.proxy import DEPLOY, proxying, site

_CADDY = shutil.which("caddy")
_DYNAMIC = "\t\tdynamic a web 8000 {\n\t\t\trefresh 5s\n\t\t}\n"


@contextmanager
def _caddy(url: str, portal: str, var: Path) -> Iterator[None]:
    """The Caddyfile with these addresses instead of a name and a certificate."""
    text = (BASE_DIR / "Caddyfile").read_text()
    for there, here in (
        (_DYNAMIC, f"\t\tto {portal}\n"),
        ("{$DOMAIN:localhost}", url),
        ("root * /etc/caddy", f"root * {DEPLOY}"),
        ("lb_try_duration 5s", "lb_try_duration 1s"),
        ("read_header 10s", "read_header 1s"),
        ("read_body 60s", "read_body 2s"),
        ("{\n\tservers {", "{\n\tadmin off\n\tservers {"),
    ):
        assert text.count(there) == 1, there
        text = text.replace(there, here)
    (var / "Caddyfile").write_text(text)
    command = [str(_CADDY), "run", "--config", str(var / "Caddyfile")]
    with (var / "caddy.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def _answer(url: str) -> tuple[int, str, str]:
    """Status, Retry-After and the page, as soon as anybody listens."""
    end = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(url, timeout=20)
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get("Retry-After", ""), error.read().decode()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def _told_what_to_do(answer: tuple[int, str, str]) -> None:
    status, retry, page = answer
    assert (status, retry) == (503, "10")
    assert "Nothing was decided about you. Please try again" in page


def test_nginx_says_what_to_do_when_no_portal_answers(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with proxying(url, [f"http://127.0.0.1:{free_port()}"], tmp_path):
        _told_what_to_do(_answer(f"{url}/signin/face/"))


@pytest.mark.skipif(_CADDY is None, reason="Caddy is not installed")
def test_caddy_says_what_to_do_when_no_portal_answers(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with _caddy(url, f"127.0.0.1:{free_port()}", tmp_path):
        _told_what_to_do(_answer(f"{url}/signin/face/"))


# A request that never ends: in its headers, and in its body.
_HEADERS = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: a"
_BODY = b"POST /signin/face/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\na"


def _line(url: str, said: bytes) -> socket.socket:
    place = urlsplit(url)
    line = socket.create_connection((str(place.hostname), int(place.port or 80)), 30)
    line.sendall(said)
    return line


def _hangs_up(url: str, said: bytes) -> bool:
    """Whether the line is closed by the other side within some seconds."""
    with _line(url, said) as line:
        line.settimeout(15)
        try:
            while line.recv(4096):
                pass
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
    return True


@pytest.mark.parametrize("said", [_HEADERS, _BODY])
def test_nginx_hangs_up_on_whoever_is_slow_on_purpose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    def impatient(url: str, portals: Sequence[str]) -> str:
        text, found = re.subn(r"(client_\w+_timeout) 10s;", r"\1 1s;", site(url, portals))
        assert found == 2
        return text

    monkeypatch.setattr("tests.e2e.proxy.site", impatient)
    url = f"http://127.0.0.1:{free_port()}"
    with proxying(url, [f"http://127.0.0.1:{free_port()}"], tmp_path):
        assert _hangs_up(url, said)


def test_nginx_keeps_one_address_to_a_hundred_connections(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with proxying(url, [f"http://127.0.0.1:{free_port()}"], tmp_path), ExitStack() as held:
        for _ in range(100):
            held.enter_context(_line(url, _BODY))
        time.sleep(0.5)
        assert _answer(f"{url}/signin/face/")[0] == 429
        held.close()
        time.sleep(0.5)
        assert _answer(f"{url}/signin/face/")[0] == 503


@pytest.mark.skipif(_CADDY is None, reason="Caddy is not installed")
def test_caddy_hangs_up_on_whoever_is_slow_with_headers(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with _caddy(url, f"127.0.0.1:{free_port()}", tmp_path):
        _wait_for(url)
        assert _hangs_up(url, _HEADERS)


@pytest.mark.skipif(_CADDY is None, reason="Caddy is not installed")
def test_caddy_lets_no_slow_body_wait_at_a_portal(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with socket.create_server(("127.0.0.1", 0)) as portal:
        address = f"127.0.0.1:{portal.getsockname()[1]}"
        with _caddy(url, address, tmp_path):
            _wait_for(url)
            with _line(url, _BODY), portal.accept()[0] as heard:
                heard.settimeout(15)
                text = b""
                while piece := heard.recv(4096):
                    text += piece
    assert text.startswith(b"POST /signin/face/")


def _wait_for(url: str) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            _line(url, b"").close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return
