"""Codes in words: for reviewers, who learn everything, and what the person in front of the camera was told."""

from typing import Any

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from liveness.models import Attempt, Review

REASONS = {
    "no_face": _("No face in view"),
    "many_faces": _("More than one face near the camera"),
    "cut_off": _("Face cut off at the edge of the picture"),
    "too_far": _("Face too far away"),
    "too_close": _("Face too close"),
    "too_dark": _("Too dark"),
    "too_bright": _("Too bright"),
    "not_frontal": _("Face turned away"),
    "blurred": _("Blurred or moving"),
    "spoof": _("Did not look like a living face"),
    "different_people": _("Not one person throughout"),
    "timed_out": _("Time ran out"),
    "undecided": _("Could not be told apart"),
    "bad_frame": _("A damaged frame was sent"),
    "flash_weak": _("The screen's colours could not be seen on the face"),
    "flash_wrong": _("The face answered other colours than the screen's"),
    "flash_skipped": _("The colours were skipped where nothing else is asked"),
    "error": _("Internal error"),
    "no_match": _("Face did not match the account"),
    "internal_error": _("Internal error"),
    "busy": _("The server was busy"),
    "restarting": _("The server was ending"),
    "unavailable": _("No liveness model was available"),
    "bad_message": _("The browser sent something unexpected"),
    "frame_in_flight": _("A frame came before the last was answered"),
    "frame_too_large": _("A frame was too large"),
    "too_fast": _("Frames came too fast"),
    "deadline": _("Time ran out"),
    "no_session": _("No session"),
    "broken_chain": _("A frame did not follow the one before"),
    "repeated_frames": _("The same picture again and again"),
}
RISKS = {
    "virtual_camera": _("the camera has the name of a virtual one"),
    "repeated_frames": _("the same picture more than once"),
    "no_noise": _("no sensor noise between frames"),
    "exact_timing": _("frames at exact intervals"),
    "hurried": _("frames faster than the page sends them"),
}

_ANSWERS = {
    "correct": "answered by the face",
    "wrong": "the face answered others",
    "abstain": "not to be seen on the face",
    "skipped": "skipped by the person",
}
_ROUND = "explained {score:.0%}, {delay:.2f} s late, in {frames} frames"

_NOT_CONFIRMED = _("We could not confirm that you are here in person.")
_DAMAGED = _("A picture was damaged on its way.")
_NO_MATCH = _("We could not sign you in with your face.")
_TROUBLE = _("Something went wrong on the way; nothing was decided.")
_QUALITY = _("The picture could not be judged: ")
_SAID = {"bad_frame": _DAMAGED, "no_match": _NO_MATCH}
_STATES = {
    Attempt.State.PENDING: _("Nothing yet: the camera has not started."),
    Attempt.State.RUNNING: _("Nothing yet: the attempt is running."),
    Attempt.State.PASSED: _("The check was passed."),
    Attempt.State.CLAIMED: _("The check was passed."),
    Attempt.State.ABANDONED: _("Nothing: the connection ended before a verdict."),
    Attempt.State.FAILED: _NOT_CONFIRMED,
    Attempt.State.ERROR: _TROUBLE,
}


def reason(code: str) -> str:
    """A reason or quality code in words; a code nobody knows stays as it is."""
    return str(REASONS.get(code, code))


def risks(codes: list[str]) -> str:
    """What was noticed about the stream of frames, in words; empty for nothing."""
    return ", ".join(str(RISKS.get(code, code)) for code in codes)


def colours(flash: dict[str, Any] | None) -> str:
    """How the colours of the screen were answered, round by round."""
    if flash is None:
        return "not asked for"
    rounds = [_ROUND.format(**one) for one in flash["rounds"]]
    return "; ".join([_ANSWERS.get(flash["answer"], "no answer"), *rounds])


def labelled(review: Review, attempt: Attempt) -> str:
    """What a reviewer's label led to; ``attempt`` as it is afterwards."""
    label = inside(review.get_label_display())
    if attempt.disputed:
        said = gettext(
            "Labelled as %(label)s. Its reviewers disagree: another reviewer, or a change of mind, settles it."
        )
    elif attempt.label:
        said = gettext("Labelled as %(label)s.")
    else:
        said = gettext("Labelled as %(label)s. It counts when a second reviewer agrees.")
    return said % {"label": label}


def inside(words: object) -> str:
    """Words as they stand inside a sentence: without their capital, except in German, where nouns keep it."""
    return str(words) if (get_language() or "").startswith("de") else str(words).lower()


def told(attempt: Attempt) -> str:
    """What the person was told, in substance: hints about the picture, but never why a face was refused."""
    if attempt.reason in _SAID:
        return str(_SAID[attempt.reason])
    if attempt.state == Attempt.State.ABSTAINED:
        return f"{_QUALITY}{inside(reason(attempt.reason))}."
    return str(_STATES[Attempt.State(attempt.state)])
