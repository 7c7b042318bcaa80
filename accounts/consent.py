"""The words a person agrees to, purpose by purpose, each on its own. The digest of what was shown is stored.

Changing a word means a new version of that text: people are asked again before they enrol again.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext, override

from accounts.models import Consent

Purpose = Consent.Purpose

VERSION = "2026-3"
"""Of the page as a whole; the newest of the versions of its texts."""

SAYS_SAMPLES = frozenset({"2026-2", "2026-3"})
"""Versions of the text about training that speak of pictures of successful attempts too."""


@dataclass(frozen=True)
class Section:
    """One question a person may have, and its answer."""

    title: str
    words: str


@dataclass(frozen=True)
class Text:
    """What is shown for one purpose; question: what is ticked or pressed to agree."""

    purpose: Purpose
    version: str
    title: str
    sections: tuple[Section, ...]
    question: str

    @property
    def full(self) -> str:
        """Word for word, as it is kept and handed out."""
        parts = [f"{section.title}\n{section.words}" for section in self.sections]
        return "\n\n".join([self.title, *parts, self.question])

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of ``full``."""
        return hashlib.sha256(self.full.encode()).hexdigest()


def texts() -> tuple[Text, ...]:
    """Today's texts, one a purpose, with this installation's periods filled in."""
    return (_signin(), _evidence(), _training())


def text(purpose: str) -> Text:
    """Today's text of one purpose. Raises ValueError for an unknown one."""
    wanted = Purpose(purpose)
    return next(text for text in texts() if text.purpose == wanted)


def is_of_today(purpose: str, digest: str) -> bool:
    """Whether the digest is that of today's text, in whichever language it was shown."""
    for language, _name in settings.LANGUAGES:
        with override(language):
            if text(purpose).digest == digest:
                return True
    return False


def sections() -> tuple[Section, ...]:
    """The sections of all texts, in the order of the page."""
    return tuple(section for text in texts() for section in text.sections)


def digest(shown: Iterable[Text] | None = None) -> str:
    """SHA-256, in hex, of everything that the page shows."""
    words = "\n\n".join(text.full for text in shown or texts())
    return hashlib.sha256(words.encode()).hexdigest()


def _signin() -> Text:
    return Text(
        Purpose.SIGNIN,
        "2026-3",
        gettext("Signing in with your face"),
        (
            Section(
                gettext("What is stored"),
                gettext(
                    "128 numbers that describe your face, scrambled with a secret of your own and then "
                    "encrypted. The pictures from your camera are thrown away as soon as you have been "
                    "recognised, unless you agree to the questions below."
                ),
            ),
            Section(
                gettext("What it is used for"),
                gettext(
                    "Only to let you in here. Nobody searches for you by your face, and nothing is "
                    "passed on. Time and outcome of each attempt are kept for %(days)s days, so that "
                    "you can see them."
                )
                % {"days": settings.LIVENESS_ATTEMPT_DAYS},
            ),
            Section(
                gettext("How long"),
                gettext(
                    "Until you delete your face, take this back or delete your account. Each of these "
                    "works at once. A face that has not been used for %(days)s days is deleted, and "
                    "you get a mail before."
                )
                % {"days": settings.LIVEGATE_TEMPLATE_DAYS},
            ),
            Section(
                gettext("How to take it back"),
                gettext(
                    "On the page about your consents, with one click, at any time: as easily as you "
                    "give it. Each question is answered, and taken back, on its own."
                ),
            ),
            Section(
                gettext("Do I have to?"),
                gettext(
                    "No. Your password opens the same door and gives you the same account. You lose "
                    "nothing by not showing your face."
                ),
            ),
        ),
        gettext("I agree that Livegate stores and compares the numbers of my face to sign me in."),
    )


def _evidence() -> Text:
    days = settings.LIVENESS_EVIDENCE_DAYS
    return Text(
        Purpose.EVIDENCE,
        "2026-3",
        gettext("Pictures of attempts that did not succeed"),
        (
            Section(
                gettext("What is kept if I am refused?"),
                gettext(
                    "Up to two pictures of the attempt and eight small ones, encrypted, so that a "
                    "person can see whether refusing was right. They are deleted after %(days)s days."
                )
                % {"days": days},
            ),
            Section(
                gettext("And if I say no, or take it back?"),
                gettext(
                    "Then none is kept, and what was kept is erased at once, also the copies made for "
                    "training. Your face signs you in all the same."
                ),
            ),
        ),
        gettext(
            "Pictures of my attempts that did not succeed may be kept for %(days)s days and be "
            "reviewed by a person."
        )
        % {"days": days},
    )


def _training() -> Text:
    return Text(
        Purpose.TRAINING,
        "2026-3",
        gettext("Helping the check to learn"),
        (
            Section(
                gettext("What do my pictures teach?"),
                gettext(
                    "The check that tells a living face from a photograph, and nothing about who you "
                    "are. Pictures that are kept as above, and those of a few attempts that succeeded, "
                    "are labelled by a person and copied under a pseudonym. Without your yes to the "
                    "question above there are none."
                ),
            ),
            Section(
                gettext("What happens if I take it back?"),
                gettext(
                    "The copies are erased at once, and a training that still runs on them is ended. A "
                    "network that has learned already cannot forget; it holds no pictures, and you can "
                    "see which ones learned from yours."
                ),
            ),
        ),
        gettext(
            "The pictures that are kept, and those of a few attempts that succeeded, may help to train "
            "the liveness check."
        ),
    )
