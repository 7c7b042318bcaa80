"""People at the camera: they sign up, agree to training, and show their clips."""

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from websockets.exceptions import ConnectionClosed

from portal.demo.client import VisitError, Visitor
from portal.proof.holdout import Clip

_CONSENT = "/account/face/consent/"
_CAPTURE = "/account/face/capture/"
_AT_A_TIME = 3
_TRIES = 3
_FINISH = "/account/face/finish/"


@dataclass(frozen=True)
class Shown:
    """One attempt: its id, what the portal said, what it really was, and how often one like it broke off before it."""

    attempt: str
    verdict: str
    label: str
    broken: int = 0


@dataclass
class Person:
    """One account at the site."""

    url: str
    name: str = field(default_factory=lambda: f"person-{secrets.token_hex(3)}")

    def __post_init__(self) -> None:
        self._visitor = Visitor(self.url)

    def arrive(self) -> None:
        """Sign up and agree to all three questions. Raises VisitError."""
        password = secrets.token_urlsafe(16)
        page = self._visitor.get("/auth/signup/")
        page = self._visitor.send(
            page.form("/auth/signup/"),
            username=self.name,
            email=f"{self.name}@example.org",
            password1=password,
            password2=password,
        )
        page = self._visitor.send(page.form(_CONSENT), face="on", evidence="on", training="on")
        if "ticket" not in page.data:
            raise VisitError(f"{self.name} gets no camera page; it says: {page.words[:300]}")

    def show(self, clip: Clip) -> Shown:
        """Hold a clip before the camera of the enrolment page; who passes goes on as the page does.

        A capture that breaks off is begun anew, as a person would. Raises VisitError when that does not help either.
        """
        heard = ""
        for broken in range(_TRIES):
            page = self._visitor.get(_CAPTURE)
            try:
                said = self._visitor.capture(page, clip.jpegs())
            except (ConnectionClosed, OSError) as error:
                heard = f"{type(error).__name__}: {error}"
                continue
            if said["type"] != "verdict":
                heard = str(said)
                continue
            if said["verdict"] == "pass":
                self._visitor.send(page.form(_FINISH), attempt=str(said["attempt"]))
            return Shown(str(said["attempt"]), str(said["verdict"]), clip.label, broken)
        raise VisitError(f"{self.name}'s capture broke off {_TRIES} times: {heard}")


def attempts(url: str, clips: Sequence[Clip], people: int) -> list[Shown]:
    """Every clip once, dealt to so many people, a few of whom are there at a time. Raises VisitError.

    Each stays until they are through: who has a face on record and comes back after ten minutes is asked who they are.
    """
    with ThreadPoolExecutor(_AT_A_TIME) as crowd:
        came = crowd.map(lambda number: _visit(url, clips[number::people]), range(people))
        return [shown for each in came for shown in each]


def _visit(url: str, clips: Sequence[Clip]) -> list[Shown]:
    person = Person(url)
    person.arrive()
    return [person.show(clip) for clip in clips]
