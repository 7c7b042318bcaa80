"""Codes in words: for reviewers, who learn everything, and what the person in front of the camera was told."""

from typing import Any

from liveness.models import Attempt, Review

REASONS = {
    "no_face": "No face in view",
    "many_faces": "More than one face near the camera",
    "cut_off": "Face cut off at the edge of the picture",
    "too_far": "Face too far away",
    "too_close": "Face too close",
    "too_dark": "Too dark",
    "too_bright": "Too bright",
    "not_frontal": "Face turned away",
    "blurred": "Blurred or moving",
    "spoof": "Did not look like a living face",
    "different_people": "Not one person throughout",
    "timed_out": "Time ran out",
    "undecided": "Could not be told apart",
    "bad_frame": "A damaged frame was sent",
    "flash_weak": "The screen's colours could not be seen on the face",
    "flash_wrong": "The face answered other colours than the screen's",
    "flash_skipped": "The colours were skipped where nothing else is asked",
    "error": "Internal error",
    "no_match": "Face did not match the account",
    "internal_error": "Internal error",
    "busy": "The server was busy",
    "restarting": "The server was ending",
    "unavailable": "No liveness model was available",
    "bad_message": "The browser sent something unexpected",
    "frame_in_flight": "A frame came before the last was answered",
    "frame_too_large": "A frame was too large",
    "too_fast": "Frames came too fast",
    "deadline": "Time ran out",
    "no_session": "No session",
    "broken_chain": "A frame did not follow the one before",
    "repeated_frames": "The same picture again and again",
}
RISKS = {
    "virtual_camera": "the camera has the name of a virtual one",
    "repeated_frames": "the same picture more than once",
    "no_noise": "no sensor noise between frames",
    "exact_timing": "frames at exact intervals",
    "hurried": "frames faster than the page sends them",
}

_ANSWERS = {
    "correct": "answered by the face",
    "wrong": "the face answered others",
    "abstain": "not to be seen on the face",
    "skipped": "skipped by the person",
}
_ROUND = "explained {score:.0%}, {delay:.2f} s late, in {frames} frames"

_NOT_CONFIRMED = "We could not confirm that you are here in person."
_DAMAGED = "A picture was damaged on its way."
_NO_MATCH = "We could not sign you in with your face."
_TROUBLE = "Something went wrong on the way; nothing was decided."
_QUALITY = "The picture could not be judged: "
_SAID = {"bad_frame": _DAMAGED, "no_match": _NO_MATCH}
_STATES = {
    Attempt.State.PENDING: "Nothing yet: the camera has not started.",
    Attempt.State.RUNNING: "Nothing yet: the attempt is running.",
    Attempt.State.PASSED: "The check was passed.",
    Attempt.State.CLAIMED: "The check was passed.",
    Attempt.State.ABANDONED: "Nothing: the connection ended before a verdict.",
    Attempt.State.FAILED: _NOT_CONFIRMED,
    Attempt.State.ERROR: _TROUBLE,
}


def reason(code: str) -> str:
    """A reason or quality code in words; a code nobody knows stays as it is."""
    return REASONS.get(code, code)


def risks(codes: list[str]) -> str:
    """What was noticed about the stream of frames, in words; empty for nothing."""
    return ", ".join(RISKS.get(code, code) for code in codes)


def colours(flash: dict[str, Any] | None) -> str:
    """How the colours of the screen were answered, round by round."""
    if flash is None:
        return "not asked for"
    rounds = [_ROUND.format(**one) for one in flash["rounds"]]
    return "; ".join([_ANSWERS.get(flash["answer"], "no answer"), *rounds])


def labelled(review: Review, attempt: Attempt) -> str:
    """What a reviewer's label led to; ``attempt`` as it is afterwards."""
    given = f"Labelled as {review.get_label_display().lower()}."
    if attempt.disputed:
        return f"{given} Its reviewers disagree: another reviewer, or a change of mind, settles it."
    return given if attempt.label else f"{given} It counts when a second reviewer agrees."


def told(attempt: Attempt) -> str:
    """What the person was told, in substance: hints about the picture, but never why a face was refused."""
    if attempt.reason in _SAID:
        return _SAID[attempt.reason]
    if attempt.state == Attempt.State.ABSTAINED:
        return f"{_QUALITY}{reason(attempt.reason).lower()}."
    return _STATES[Attempt.State(attempt.state)]
