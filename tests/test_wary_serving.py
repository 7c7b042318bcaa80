"""The real server, and requests that no browser sends: refused or answered, never an error of the server."""

import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.typing import Origin
from websockets.uri import parse_uri

from portal.demo.server import Server, running


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("portal")) as server:
        yield server


def _answer(url: str, *lines: bytes) -> bytes:
    """The status line and headers of the answer to raw header lines."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=60) as line:
        host = b"Host: " + place.netloc.encode()
        line.sendall(b"\r\n".join([lines[0], host, *lines[1:], b"Connection: close", b"", b""]))
        heard = b""
        while piece := line.recv(4096):
            heard += piece
        return heard.partition(b"\r\n\r\n")[0]


_HANDSHAKE = (
    b"GET /ws/liveness/ HTTP/1.1",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    b"Upgrade: websocket",
    b"Cookie: session=" + b"x" * 32,
)


@pytest.mark.parametrize("name", [b"Daphne-Root-Path", b"Sec-WebSocket-Protocol", b"User-Agent"])
def test_headers_of_no_ascii_are_no_error(portal: Server, name: bytes) -> None:
    wild = name + b": \xc3\xa9\xff"
    assert _answer(portal.url, b"GET /healthz HTTP/1.1", wild).startswith(b"HTTP/1.1 200")
    assert b" 500 " not in _answer(portal.url, *_HANDSHAKE, wild)
    assert "Traceback" not in portal.log.read_text()


def test_no_client_says_below_which_path_the_portal_lives(portal: Server) -> None:
    wild = b"Daphne-Root-Path: //evil.example"
    answer = _answer(portal.url, b"GET /account/ HTTP/1.1", wild)
    assert answer.startswith(b"HTTP/1.1 302")
    assert b"evil" not in answer


def test_an_address_with_a_nul_is_refused(portal: Server) -> None:
    answer = _answer(portal.url, b"GET /notice/%00/ HTTP/1.1")
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"Content-Security-Policy" in answer


def test_what_is_said_last_is_heard_by_somebody_who_listens_late(portal: Server) -> None:
    place = urlsplit(portal.url)
    client = ClientProtocol(
        parse_uri(f"ws://{place.netloc}/ws/liveness/"), origin=Origin(portal.url)
    )
    client.send_request(client.connect())
    with socket.create_connection((place.hostname, place.port), timeout=60) as line:
        line.sendall(b"".join(client.data_to_send()))
        time.sleep(3)
        while client.close_rcvd is None and (piece := line.recv(4096)):
            client.receive_data(piece)
        line.sendall(b"".join(client.data_to_send()))  # a reset connection raises
    told = [bytes(event.data) for event in client.events_received() if isinstance(event, Frame)]
    assert json.loads(told[0]) == {"type": "error", "code": "no_session"}
