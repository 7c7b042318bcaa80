"""People who keep trying to sign in while parts of the site are killed, and who write down what they were told."""

import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from portal.demo.client import Page, VisitError, Visitor, read_page
from portal.demo.story import OVERVIEW

_NAME, _CAPTURE, _FINISH = (f"/signin/face/{page}" for page in ("", "capture/", "finish/"))
_ADVICE = "Nothing was decided about you"
_PATIENCE = 60.0
# What the capture page explains, with a way on: see static/js/words.js.
_EXPLAINED = {"unavailable", "busy", "restarting", "wait"}

IN, REFUSED, TOLD, CUT = "in", "refused", "told to wait", "cut off"


class Told(Exception):
    """A page that says when to try again."""


class Careful(Visitor):
    """Takes an answer of 500 or more for right only if it says what to do and when."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.faults: list[str] = []

    def _open(self, request: urllib.request.Request) -> Page:
        try:
            with self._opener.open(request, timeout=_PATIENCE) as answer:
                return read_page(answer.status, answer.url, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                page = read_page(error.code, error.url, error.read().decode())
                dated = "Retry-After" in error.headers
        if page.status < 500:
            return page
        if page.status != 503 or not dated or _ADVICE not in page.words:
            self.faults.append(f"{page.status} at {page.path}: {page.words[:200]}")
        raise Told


@dataclass
class Person:
    """Somebody at the door. username: who they say they are; clip: what their camera shows."""

    url: str
    username: str
    clip: Sequence[bytes]
    outcomes: "Counter[str]" = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    last: str = ""

    def try_once(self) -> str:
        """One sign-in in a new browser; what came of it."""
        visitor = Careful(self.url)
        try:
            self.last = self._sign_in(visitor)
        except Told:
            self.last = TOLD
        except (ConnectionClosed, InvalidHandshake, TimeoutError, OSError):
            self.last = CUT
        except VisitError as error:
            self.last = f"lost: {error}"
            self.faults.append(self.last)
        self.faults += visitor.faults
        self.outcomes[self.last] += 1
        return self.last

    def _sign_in(self, visitor: Careful) -> str:
        visitor.send(visitor.get(_NAME).form(_NAME), username=self.username)
        page = visitor.get(_CAPTURE)
        verdict = visitor.capture(page, self.clip)
        if verdict["type"] == "error":
            if verdict["code"] not in _EXPLAINED:
                self.faults.append(f"the socket said {verdict['code']}")
            return TOLD
        if verdict["verdict"] != "pass":
            return REFUSED
        answer = visitor.send(page.form(_FINISH), attempt=verdict["attempt"])
        if answer.path == OVERVIEW and answer.status == 200:
            return IN
        if answer.status != 403:
            self.faults.append(f"after a pass: {answer.status} {answer.path} {answer.words[:200]}")
        return REFUSED


class Crowd:
    """Everybody tries again and again, each on a thread of their own."""

    def __init__(self, people: Sequence[Person]) -> None:
        self.people = people
        self._end = threading.Event()

    def until(self, outcome: str, who: Person, seconds: float = 300.0) -> None:
        """Wait until this happens to somebody from now on."""
        before, end = who.outcomes[outcome], time.monotonic() + seconds
        while who.outcomes[outcome] <= before:
            assert time.monotonic() < end, (outcome, who.outcomes, who.faults[-3:])
            time.sleep(0.1)

    def _try_again_and_again(self, person: Person) -> None:
        while not self._end.is_set():
            person.try_once()
            self._end.wait(0.1)

    @contextmanager
    def trying(self) -> Iterator["Crowd"]:
        threads = [
            threading.Thread(target=self._try_again_and_again, args=(person,), daemon=True)
            for person in self.people
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._end.set()
            for thread in threads:
                thread.join(2 * _PATIENCE)

    @property
    def faults(self) -> list[str]:
        return [fault for person in self.people for fault in person.faults]
