"""The words a person agrees to before a camera is switched on. Their digest is stored.

Changing a word means a new version: people are asked again before they enrol again.
"""

import hashlib
from dataclasses import dataclass

from django.conf import settings

VERSION = "2026-2"


@dataclass(frozen=True)
class Section:
    """One question a person may have, and its answer."""

    title: str
    words: str


def sections() -> tuple[Section, ...]:
    """The text that is shown, with this installation's periods filled in."""
    return (
        Section(
            "What is stored",
            "128 numbers that describe your face, scrambled with a secret of your own and then "
            "encrypted. The pictures from your camera are thrown away as soon as you have been "
            "recognised, unless you agree to the second question below.",
        ),
        Section(
            "What if I am refused?",
            "When an attempt does not succeed, up to two pictures of it and eight small ones are "
            "kept, encrypted, so that a person can review the decision. They are deleted after "
            f"{settings.LIVENESS_EVIDENCE_DAYS} days; time and outcome of the attempt after "
            f"{settings.LIVENESS_ATTEMPT_DAYS} days.",
        ),
        Section(
            "What it is used for",
            "Only to let you in here. Nobody searches for you by your face, and nothing is "
            "passed on.",
        ),
        Section(
            "How long",
            "Until you delete your face, withdraw this consent or delete your account. Each of "
            "these works at once. A face that has not been used for three years is deleted.",
        ),
        Section(
            "How to take it back",
            "On your account page, with two clicks, at any time. Taking it back is as easy as "
            "giving it.",
        ),
        Section(
            "Do I have to?",
            "No. Your password opens the same door and gives you the same account. You lose "
            "nothing by not showing your face.",
        ),
    )


FACE_LABEL = "I agree that Livegate stores and compares the numbers of my face to sign me in."
TRAINING_LABEL = (
    "Pictures of my refused attempts, and of a few that succeeded, may also be kept as long, be "
    "reviewed by a person and help to train the liveness check. This is separate, and you can say "
    "no."
)


def digest() -> str:
    """SHA-256, in hex, of everything that is shown."""
    parts = [f"{section.title}\n{section.words}" for section in sections()]
    return hashlib.sha256("\n\n".join([*parts, FACE_LABEL, TRAINING_LABEL]).encode()).hexdigest()
