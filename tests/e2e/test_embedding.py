"""A shop of another origin shows a capture in its page: events arrive, its server redeems, and no third site may frame it."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from portal.demo.server import BASE_DIR, Server
from tests.e2e.browser import camera, chromium, screenshot
from tests.e2e.conftest import ADMINISTRATOR

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
_EXAMPLE = BASE_DIR / "docs" / "examples" / "shop.py"
_PATIENCE = 240_000


@dataclass
class Shop:
    """The example, running. url: of another site than the portal's, also in the browser's eyes."""

    url: str
    key: str


@pytest.fixture(scope="module")
def shop(portal: Server) -> Iterator[Shop]:
    port = _free_port()
    url = f"http://localhost:{port}"
    words = ["--name=shop", "--scope=captures:write", f"--origin={url}"]
    key = portal.manage("api_key", "create", ADMINISTRATOR, *words).split()[-1]
    own = {"LIVEGATE_URL": portal.url, "LIVEGATE_KEY": key}
    process = subprocess.Popen(
        [sys.executable, str(_EXAMPLE), str(port)],
        env={**os.environ, **own},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "open at" in process.stdout.readline()
        yield Shop(url, key)
    finally:
        process.terminate()
        process.wait(20)


def _prove(page: Page) -> None:
    """Open the shop, ask for the capture, and start the camera in its frame."""
    page.goto("/")
    page.click("#prove")
    page.frame_locator("iframe").locator("[data-test=capture-start]").click()


def _events(page: Page) -> list[str]:
    return str(page.evaluate("document.body.dataset.events")).split()


def test_a_living_person_pays_in_another_sites_page(shop: Shop, videos: dict[str, Path]) -> None:
    with chromium(shop.url, camera(videos["enrolling"])) as page:
        _prove(page)
        expect(page.locator("#said")).to_have_text("Paid. Thank you!", timeout=_PATIENCE)
        events = _events(page)
        assert (events[0], events[1], events[-1]) == ("ready", "started", "passed")
        assert set(events[2:-1]) == {"hint"}
        expect(page.locator("iframe")).to_have_count(0)
        again = page.evaluate("fetch('/pay', { method: 'POST' }).then((answer) => answer.json())")
        assert again["paid"] is False
        assert "redeemed before" in again["why"]


def test_a_phone_held_to_the_camera_buys_nothing(shop: Shop, videos: dict[str, Path]) -> None:
    with chromium(shop.url, camera(videos["phone"])) as page:
        _prove(page)
        expect(page.locator("body[data-events*=refused]")).to_have_count(1, timeout=_PATIENCE)
        screenshot(page, "embedded-refused")
        expect(page.locator("iframe")).to_have_attribute("title", "Look into the camera · Livegate")
        assert "passed" not in _events(page)
        paid = page.evaluate("fetch('/pay', { method: 'POST' }).then((answer) => answer.json())")
        assert paid == {"paid": False, "why": "refused"}


def test_a_foreign_site_may_not_frame_a_capture_that_it_got_hold_of(
    portal: Server, shop: Shop, videos: dict[str, Path]
) -> None:
    """It runs the same script and knows the address; the browser shows it nothing and tells it nothing."""
    address = _order(portal, shop)
    faults: list[str] = []
    with (
        _foreign_site(portal.url, address) as foreign,
        chromium(foreign, camera(videos["enrolling"]), faults) as page,
    ):
        page.goto("/")
        page.wait_for_function("document.body.dataset.framed")
        frame = page.frames[1]
        expect(page.frame_locator("iframe").locator("[data-test=capture-start]")).to_have_count(0)
        assert portal.url not in frame.url
        assert page.evaluate("document.body.dataset.events") is None
    assert any("frame-ancestors" in fault and shop.url in fault for fault in faults), faults


def test_a_page_that_is_not_framed_at_all_works_too(
    portal: Server, shop: Shop, videos: dict[str, Path]
) -> None:
    address = _order(portal, shop)
    with chromium(portal.url, camera(videos["enrolling"])) as page:
        page.goto(address)
        page.click("[data-test=capture-start]")
        state = page.locator("[data-test=capture-state][data-state=passed]")
        expect(state).to_have_count(1, timeout=_PATIENCE)


def _order(portal: Server, shop: Shop) -> str:
    body = json.dumps({"purpose": "liveness", "origin": shop.url}).encode()
    headers = {"Authorization": f"Bearer {shop.key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{portal.url}/api/v1/captures/", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.load(answer)["url"])


@contextmanager
def _foreign_site(portal: str, address: str) -> Iterator[str]:
    script = f"""
        import {{ LivegateCapture }} from "{portal}/static/js/livegate-capture.js";
        const capture = new LivegateCapture("{address}");
        for (const name of ["ready", "started", "hint", "passed", "refused", "closed"])
          capture.addEventListener(name, () => {{ document.body.dataset.events = name; }});
        capture.mount(document.body);
        document.querySelector("iframe").addEventListener("load", () => {{ document.body.dataset.framed = "1"; }});
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            page = f"<!doctype html><title>x</title><body><script type=module>{script}</script>"
            self.wfile.write(page.encode())

        def log_message(self, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
