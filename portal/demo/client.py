"""A visitor without a browser: reads pages, sends forms, and holds a clip in front of the capture socket."""

import itertools
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import Cookie, CookieJar
from typing import Any

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from liveness.chain import FrameChain

_PATIENCE = 30.0
_PAUSE = 0.1
_WORDLESS = {"script", "style", "title"}


class VisitError(RuntimeError):
    """The site did not answer as a visitor must be able to expect."""


@dataclass
class Form:
    """A form as the page gave it: where it goes, how, and the values it would send unchanged."""

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass
class Page:
    """An answer, read: status, final address, visible words, forms, and the data-… of the capture element."""

    status: int
    url: str
    words: str
    forms: list[Form]
    data: dict[str, str]

    @property
    def path(self) -> str:
        return urllib.parse.urlsplit(self.url).path

    def form(self, path: str) -> Form:
        """The form that goes to ``path``. Raises VisitError when the page has none."""
        for form in self.forms:
            if urllib.parse.urlsplit(form.action).path == path:
                return form
        raise VisitError(
            f"{self.url} ({self.status}) has no form for {path}; it says: {self.words[:300]}"
        )


class Visitor:
    """One person with one cookie jar at one site. url: the site's address without a path.

    headers: what goes along with every request, beside the cookies.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.url = url
        self.headers = dict(headers or {})
        self._jar = CookieJar()
        cookies = urllib.request.HTTPCookieProcessor(self._jar)
        self._opener = urllib.request.build_opener(cookies)
        self._opener.addheaders = list(self.headers.items())

    @property
    def cookie_values(self) -> dict[str, str]:
        """What the site has set so far: name → value."""
        return {cookie.name: cookie.value or "" for cookie in self._jar}

    def plant(self, name: str, value: str) -> None:
        """Put a cookie into the jar, as if the site had set it."""
        host = urllib.parse.urlsplit(self.url).hostname or ""
        args = (0, name, value, None, False, host, False, False, "/", True, False, None, False)
        self._jar.set_cookie(Cookie(*args, None, None, {}))

    @property
    def cookies(self) -> str:
        """What a browser would send as the Cookie header."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._jar)

    def get(self, path: str) -> Page:
        return self._open(urllib.request.Request(urllib.parse.urljoin(self.url, path)))

    def send(self, form: Form, **values: str) -> Page:
        """Send a form with some of its values filled in; redirects are followed."""
        body = urllib.parse.urlencode({**form.values, **values}).encode()
        address = urllib.parse.urljoin(self.url, form.action)
        return self._open(urllib.request.Request(address, data=body, method="POST"))

    def capture(self, page: Page, clip: Iterable[bytes], url: str = "") -> Mapping[str, Any]:
        """Show the clip to the capture page's socket until it answers; its last message (verdict or error).

        url: another server of the same site to open the socket on.
        """
        with self.socket(page, url or self.url) as socket:
            socket.send(json.dumps({"type": "start", "ticket": page.data["ticket"]}))
            while (answer := _receive(socket))["type"] == "wait":
                pass  # in line for a place
            chain = FrameChain(page.data["ticket"], bytes.fromhex(answer.get("nonce", "")))
            for jpeg in itertools.cycle(clip):
                if answer["type"] in ("verdict", "error"):
                    return answer
                time.sleep(_PAUSE)
                socket.send(chain.seal(jpeg))
                answer = _receive(socket)
        raise VisitError("The clip is empty.")

    def socket(self, page: Page, url: str) -> ClientConnection:
        """The capture page's socket at ``url``, open; nothing is said yet. Raises VisitError without a ticket."""
        if "ticket" not in page.data:
            raise VisitError(f"{page.url} is not a capture page; it says: {page.words[:300]}")
        address = url.replace("http", "ws", 1) + page.data.get("socket-path", "/ws/liveness/")
        headers = {**self.headers, "Cookie": self.cookies}
        return connect(address, origin=Origin(url), additional_headers=headers)

    def _open(self, request: urllib.request.Request) -> Page:
        try:
            answer = self._opener.open(request, timeout=_PATIENCE)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return read_page(answer.status or 0, answer.url, answer.read().decode())


def read_page(status: int, url: str, html: str) -> Page:
    """Parse an answer into what a visitor would see and could send."""
    reader = _Reader(url)
    reader.feed(html)
    return Page(status, url, " ".join(" ".join(reader.words).split()), reader.forms, reader.data)


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.forms: list[Form] = []
        self.data: dict[str, str] = {}
        self._url = url
        self._silent = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in _WORDLESS:
            self._silent = tag
        if values.get("id") == "capture":
            self.data = {name[5:]: value for name, value in values.items() if name[:5] == "data-"}
        if tag == "form":
            self.forms.append(Form(values.get("action") or self._url, values.get("method", "get")))
        if tag == "input" and self.forms and _is_sent(values):
            self.forms[-1].values[values["name"]] = values.get("value", "on")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._silent:
            self._silent = ""

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)


def _is_sent(values: Mapping[str, str]) -> bool:
    kind = values.get("type", "text")
    unticked = kind in ("checkbox", "radio") and "checked" not in values
    return bool(values.get("name")) and kind not in ("submit", "button") and not unticked


def _receive(socket: ClientConnection) -> Mapping[str, Any]:
    """The next answer; colours light nobody here."""
    message = json.loads(socket.recv(timeout=_PATIENCE))
    while isinstance(message, dict) and message.get("type") == "flash":
        message = json.loads(socket.recv(timeout=_PATIENCE))
    if not isinstance(message, dict):
        raise VisitError(f"The capture socket sent {message!r}.")
    return message
