"""Somebody hostile, without a browser: forms, raw requests and sockets, each from a network of their own."""

import http.client
import json
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from random import Random
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from portal.demo.client import Page, Visitor

PATIENCE = 60.0
CAPTURE_SOCKET = "/ws/liveness/"
_BUSY = 503
_KEPT = ("session", "csrftoken", "device")


class LetIn(Exception):
    """The attempt got something that nobody may get this way; the text says what."""


class Broken(Exception):
    """The server answered as no attempt may make it answer: an error of its own, or silence."""


@dataclass(frozen=True)
class Answer:
    """A raw answer: no redirect is followed. headers: lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def word(self) -> str:
        """How the attempt was refused, for the table."""
        there = urllib.parse.urlsplit(self.headers.get("location", "")).path[:30]
        return f"{self.status} → {there}" if there else str(self.status)


class Attacker(Visitor):
    """network: first three numbers of an address; by default somewhere in 10.0.0.0/8, as a botnet would come."""

    def __init__(self, url: str, rng: Random, network: str = "") -> None:
        network = network or f"10.{rng.randrange(256)}.{rng.randrange(256)}"
        super().__init__(url, {"X-Forwarded-For": f"{network}.{rng.randrange(1, 255)}"})

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        cookies: bool = True,
    ) -> Answer:
        """One request as it is given, with our cookies unless told otherwise. Raises Broken."""
        sent = {
            **self.headers,
            **({"Cookie": self.cookies} if cookies else {}),
            **(headers or {}),
        }
        line = http.client.HTTPConnection(urllib.parse.urlsplit(self.url).netloc, timeout=PATIENCE)
        # The request line is sent as it is: what a client library would refuse is what an attacker sends.
        line._validate_path = lambda _: None  # type: ignore[attr-defined]
        try:
            line.request(method, path, body or None, sent)
            reply = line.getresponse()
            found = {name.lower(): value for name, value in reply.getheaders()}
            answer = Answer(reply.status, found, reply.read())
            self._keep(reply.headers.get_all("Set-Cookie", []))
        except TimeoutError as error:
            raise Broken(f"no answer to {method} {path[:80]}") from error
        finally:
            line.close()
        _check(answer.status, f"{method} {path[:80]}")
        return answer

    def post(self, path: str, headers: Mapping[str, str] | None = None, **fields: str) -> Answer:
        """A form with its CSRF token, as a browser would send it."""
        token = self.cookie_values.get("csrftoken", "")
        body = urllib.parse.urlencode({"csrfmiddlewaretoken": token, **fields}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, body, {**kind, **(headers or {})})

    def face_page(self, name: str) -> Page:
        """Give a name on the face sign-in page; the camera's page, or the refusal instead of it."""
        page = self.get("/signin/face/")
        return self.send(page.form("/signin/face/"), username=name)

    def line(
        self,
        path: str = CAPTURE_SOCKET,
        origin: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> ClientConnection:
        """A socket, accepted; origin: "" is the site's own. Raises InvalidStatus when it is refused, Broken."""
        address = self.url.replace("http", "ws", 1) + path
        sent = {**self.headers, "Cookie": self.cookies, **(headers or {})}
        said = None if origin is None else Origin(origin or self.url)
        try:
            return connect(
                address,
                origin=said,
                additional_headers=sent,
                compression=None,
                open_timeout=PATIENCE,
                close_timeout=1,
                max_size=None,
            )
        except InvalidStatus as error:
            _check(error.response.status_code, f"a handshake at {path[:80]}")
            raise

    def refused_handshake(self, **how: Any) -> str:
        """Open a socket that must not open. Raises LetIn, Broken."""
        try:
            with self.line(**how):
                raise LetIn("the handshake was accepted")
        except InvalidStatus as error:
            return f"handshake {error.response.status_code}"

    def inside(self) -> bool:
        """Whether the account page opens."""
        return self.ask("GET", "/account/").status == 200

    def _keep(self, set_cookies: list[str]) -> None:
        """Take what the site gives, but for its messages to people."""
        for text in set_cookies:
            for name, morsel in SimpleCookie(text).items():
                if name in _KEPT and morsel.value:
                    self.plant(name, morsel.value)

    def _open(self, request: urllib.request.Request) -> Page:
        try:
            page = super()._open(request)
        except TimeoutError as error:
            raise Broken(f"no answer to {request.full_url}") from error
        _check(page.status, request.full_url)
        return page


def start(line: ClientConnection, ticket: str, camera: str = "") -> dict[str, Any]:
    """Redeem a ticket, and stand in line if there is one; the server's answer."""
    line.send(json.dumps({"type": "start", "ticket": ticket, "camera": camera}))
    while (answer := hear(line))["type"] == "wait":
        pass
    return answer


def hear(line: ClientConnection) -> dict[str, Any]:
    """The next message. Raises Broken on an internal error or silence, ConnectionClosed at the end."""
    try:
        message = json.loads(line.recv(timeout=PATIENCE))
    except TimeoutError as error:
        raise Broken("a socket fell silent") from error
    if message.get("code") == "internal_error":
        raise Broken("a socket ended with internal_error")
    return dict(message)


def ending(line: ClientConnection) -> str:
    """Listen until the server hangs up; how it ended, such as ``4422 broken_chain``. Raises LetIn for a pass."""
    said = ""
    try:
        while True:
            message = hear(line)
            if message.get("verdict") == "pass":
                raise LetIn("the liveness check passed")
            said = message.get("reason") or message.get("verdict") or message.get("code") or said
    except ConnectionClosed as end:
        close = end.rcvd.code if end.rcvd else 1006
        return f"{close} {said}".strip()


def _check(status: int, what: str) -> None:
    if status >= 500 and status != _BUSY:
        raise Broken(f"{status} for {what}")
