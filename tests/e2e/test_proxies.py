"""The proxies that the repository brings along, when no portal answers: a page that says what to do, and when."""

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from portal.demo.server import BASE_DIR, free_port
from tests.e2e.proxy import DEPLOY, proxying

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
    ):
        assert there in text
        text = text.replace(there, here)
    (var / "Caddyfile").write_text("{\n\tadmin off\n}\n" + text)
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
