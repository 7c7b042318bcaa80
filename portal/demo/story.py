"""The demonstration, step by step: what a visitor does, what the portal answers, and whether it should."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.demo import clips
from portal.demo.client import Page, Visitor

OVERVIEW = "/account/"
_CONSENT = "/account/face/consent/"


@dataclass(frozen=True)
class Step:
    """One thing that was done: in words, what came of it, and whether that is what should come of it."""

    done: str
    answer: str
    as_expected: bool


class Story:
    """Everything one visitor does at the portal at ``url``. training: whether they agree to that too."""

    def __init__(self, url: str, training: bool = False) -> None:
        self.visitor = Visitor(url)
        self._agrees = {"face": "on", "evidence": "on"} | ({"training": "on"} if training else {})
        self.username = f"visitor-{secrets.token_hex(3)}"

    def steps(self) -> Iterator[Step]:
        """Do and tell. Stops after a step without which the next ones mean nothing."""
        for first in (self.sign_up, self.consent, self.enrol, self.sign_out):
            step = first()
            yield step
            if not step.as_expected:
                return
        yield self.sign_in_in_other_light()
        self.sign_out()
        yield self.be_refused(
            "another person holds their face to the camera", clips.live_clip(clips.STRANGER)
        )
        screen = clips.recaptured_clip(clips.PERSON, seed=5)
        yield self.be_refused("a phone that shows the person is held to the camera", screen)

    def sign_up(self) -> Step:
        password = secrets.token_urlsafe(16)
        page = self.visitor.get("/auth/signup/")
        page = self.visitor.send(
            page.form("/auth/signup/"),
            username=self.username,
            email=f"{self.username}@example.org",
            password1=password,
            password2=password,
        )
        fine = page.status == 200 and page.path == _CONSENT
        answer = "the account is made; the portal asks for consent" if fine else _where(page)
        return Step(f"{self.username} signs up with a password", answer, fine)

    def consent(self) -> Step:
        page = self.visitor.get(_CONSENT)
        page = self.visitor.send(page.form(_CONSENT), **self._agrees)
        fine = page.status == 200 and "ticket" in page.data
        answer = "the camera page opens" if fine else _where(page)
        return Step("reads what is stored about a face, and agrees", answer, fine)

    def enrol(self) -> Step:
        page, verdict = self._capture(
            "/account/face/capture/", clips.live_clip(clips.PERSON, seed=1)
        )
        if _passed(verdict):
            page = self._finish(page, "/account/face/finish/", verdict)
        fine = _passed(verdict) and page.path == "/account/face/done/"
        answer = "the liveness check passes; the face is set up" if fine else _told(verdict, False)
        return Step("shows a face to the camera, to set it up", answer, fine)

    def sign_out(self) -> Step:
        page = self.visitor.get("/auth/logout/")
        page = self.visitor.send(page.form("/auth/logout/"))
        fine = not self.signed_in()
        return Step("signs out", "the account page is shut again" if fine else _where(page), fine)

    def sign_in_in_other_light(self) -> Step:
        verdict = self._sign_in(clips.live_clip(clips.PERSON, seed=4, light=0.8))
        let_in = self.signed_in()
        done = "signs in with the face, another day, in less light"
        return Step(done, _told(verdict, let_in), let_in)

    def be_refused(self, done: str, clip: Sequence[bytes]) -> Step:
        """Try to sign in with a clip that must not get in. A capture that breaks off is no refusal."""
        verdict = self._sign_in(clip)
        let_in = self.signed_in()
        return Step(done, _told(verdict, let_in), verdict["type"] == "verdict" and not let_in)

    def signed_in(self) -> bool:
        """Whether the account page opens for this visitor instead of asking them to sign in."""
        return self.visitor.get(OVERVIEW).path == OVERVIEW

    def _sign_in(self, clip: Sequence[bytes]) -> Mapping[str, Any]:
        page = self.visitor.get("/signin/face/")
        self.visitor.send(page.form("/signin/face/"), username=self.username)
        page, verdict = self._capture("/signin/face/capture/", clip)
        if _passed(verdict):
            self._finish(page, "/signin/face/finish/", verdict)
        return verdict

    def _finish(self, page: Page, path: str, verdict: Mapping[str, Any]) -> Page:
        """What the capture page does by itself after a pass: send its form."""
        return self.visitor.send(page.form(path), attempt=verdict["attempt"])

    def _capture(self, path: str, clip: Sequence[bytes]) -> tuple[Page, Mapping[str, Any]]:
        page = self.visitor.get(path)
        return page, self.visitor.capture(page, clip)


def _passed(verdict: Mapping[str, Any]) -> bool:
    return verdict.get("verdict") == "pass"


def _where(page: Page) -> str:
    return f"the portal answers {page.path} with {page.status}: {page.words[:200]}"


def _told(verdict: Mapping[str, Any], let_in: bool) -> str:
    if verdict["type"] == "error":
        return f"the portal breaks the capture off ({verdict.get('code')})"
    if not _passed(verdict):
        refused = "cannot judge it" if verdict["verdict"] == "abstain" else "refuses it"
        return f"the liveness check {refused} ({verdict.get('reason')}); no face is compared"
    matched = "and the face matches: let in" if let_in else "but the face does not match: refused"
    return f"the liveness check passes, {matched}"
