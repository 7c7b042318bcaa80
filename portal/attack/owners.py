"""The people whose site it is: they enrol before the day, and their faces open their accounts all day long."""

import itertools
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from portal.attack.attacker import Attacker, Broken
from portal.demo.client import Page, Visitor

_TRIES = 4
_CONSENT = "/account/face/consent/"
_numbers = itertools.count(1)


@dataclass
class Ledger:
    """How often an owner signed in: as often, and no more, the site must have let somebody in."""

    sign_ins: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def note(self) -> None:
        with self._lock:
            self.sign_ins += 1


@dataclass
class Owner:
    """One account with its face. clip: the frames a camera sees of them. browser: with a password session, once enrolled."""

    url: str
    clip: Sequence[bytes]
    ledger: Ledger
    name: str = field(default_factory=lambda: f"owner-{secrets.token_hex(4)}")
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)

    def __post_init__(self) -> None:
        self.browser: Visitor = self.visitor()

    def visitor(self) -> Visitor:
        """A new browser of this person, in a network of their own."""
        number = next(_numbers)
        return Visitor(self.url, {"X-Forwarded-For": f"172.16.{number // 250}.{number % 250 + 1}"})

    def sign_up(self) -> Page:
        """Make the account, which signs in. Raises Broken."""
        page = self.browser.get("/auth/signup/")
        page = self.browser.send(
            page.form("/auth/signup/"),
            username=self.name,
            email=f"{self.name}@example.org",
            password1=self.password,
            password2=self.password,
        )
        if page.path != _CONSENT:
            raise Broken(f"{self.name} cannot sign up: {page.status} {page.words[:200]}")
        self.ledger.note()
        return page

    def enrol(self) -> None:
        """Sign up, agree, show the face. Raises Broken."""
        page = self.sign_up()
        page = self.browser.send(page.form(_CONSENT), face="on")
        said = self.browser.capture(page, self.clip)
        if said.get("verdict") == "pass":
            page = self.browser.send(
                page.form("/account/face/finish/"), attempt=str(said["attempt"])
            )
        if page.path != "/account/face/done/":
            raise Broken(f"{self.name} cannot set up a face: {said}")

    def passed_page(self, visitor: Visitor) -> tuple[Page, str]:
        """Name themselves and pass the liveness check: the page with its form, and the attempt. Raises Broken.

        A busy server or an undecided attempt is tried again, as a person would.
        """
        said: Any = None
        for _ in range(_TRIES):
            page = visitor.get("/signin/face/")
            page = visitor.send(page.form("/signin/face/"), username=self.name)
            if "ticket" not in page.data:
                raise Broken(f"{self.name} gets no camera page: {page.status} {page.words[:200]}")
            said = visitor.capture(page, self.clip)
            if said.get("verdict") == "pass":
                return page, str(said["attempt"])
        raise Broken(f"{self.name} does not pass the liveness check: {said}")

    def sign_in(self, visitor: Visitor | None = None) -> Visitor:
        """With the face. Raises Broken when the site keeps its own people out."""
        visitor = visitor or self.visitor()
        page, attempt = self.passed_page(visitor)
        page = visitor.send(page.form("/signin/face/finish/"), attempt=attempt)
        return self._arrived(visitor, page, "face")

    def sign_in_with_password(self) -> Visitor:
        """Raises Broken."""
        visitor = self.visitor()
        page = visitor.get("/auth/login/")
        page = visitor.send(page.form("/auth/login/"), login=self.name, password=self.password)
        return self._arrived(visitor, page, "password")

    def _arrived(self, visitor: Visitor, page: Page, way: str) -> Visitor:
        if page.path != "/account/":
            raise Broken(f"{self.name} cannot sign in with the {way}: {page.status} {page.path}")
        self.ledger.note()
        return visitor


def lodger(url: str, ledger: Ledger, rng: Random) -> Attacker:
    """A hostile member: signed in to an account of their own, without a face, without any right."""
    attacker = Attacker(url, rng)
    person = Owner(url, [], ledger)
    person.browser = attacker
    person.sign_up()
    return attacker
