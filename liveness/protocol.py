"""The messages of the capture socket, typed, and the gate every frame passes before anything is decoded.

docs/protocol.md describes the whole conversation.
"""

import json
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, TypedDict

from liveness.engine.crops import Box

_MAX_TEXT = 4096
_MAX_TICKET = 1024
_MAX_CAMERA = 100


class Close(IntEnum):
    """Close codes of the socket."""

    DONE = 1000
    BAD_MESSAGE = 4400
    BAD_TICKET = 4401
    NO_SESSION = 4403
    TOO_LATE = 4408
    IN_FLIGHT = 4409
    TOO_LARGE = 4413
    BROKEN_STREAM = 4422
    TOO_FAST = 4429
    INTERNAL = 4500
    BUSY = 4503


class ProtocolError(Exception):
    """The other side broke the protocol: ``code`` is told to it, ``close`` ends the socket."""

    def __init__(self, code: str, close: Close) -> None:
        super().__init__(code)
        self.code = code
        self.close = close


class Ready(TypedDict):
    """``nonce``: 16 bytes in hexadecimal, for the chain of frames. ``pace``: milliseconds between frames."""

    type: Literal["ready"]
    deadline: int
    max_bytes: int
    frames: int
    nonce: str
    pace: int


class Wait(TypedDict):
    """Every place is taken. ``place``: number in line, from 1; ``seconds``: about how long it will be."""

    type: Literal["wait"]
    place: int
    seconds: int


class Hint(TypedDict):
    """``box``: left, top, width, height of the face as fractions of the frame. Never a score."""

    type: Literal["hint"]
    code: str | None
    progress: float
    seq: int
    box: list[float] | None
    pace: int


class FlashMessage(TypedDict):
    """``colour``: #rrggbb to paint around the face from now on, null when the colours are over; ``step`` of ``of``."""

    type: Literal["flash"]
    step: int
    of: int
    colour: str | None


class VerdictMessage(TypedDict):
    type: Literal["verdict"]
    verdict: str
    reason: str | None
    attempt: str


class ErrorMessage(TypedDict):
    type: Literal["error"]
    code: str


Message = Ready | Wait | Hint | FlashMessage | VerdictMessage | ErrorMessage


@dataclass(frozen=True)
class Start:
    """``camera``: what the browser says of its camera, printable, at most 100 characters; "" if it says nothing.

    ``skips_flash``: the person wants no changing colours.
    """

    ticket: str
    camera: str = ""
    skips_flash: bool = False


@dataclass(frozen=True)
class Cancel:
    pass


def parse(text: str) -> Start | Cancel:
    """Read a text message of the browser. Raises ProtocolError(bad_message)."""
    bad = ProtocolError("bad_message", Close.BAD_MESSAGE)
    if len(text) > _MAX_TEXT:
        raise bad
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise bad from None
    match fields:
        case {"type": "start", "ticket": str(ticket)} if 0 < len(ticket) <= _MAX_TICKET:
            camera = fields.get("camera", "")
            if not isinstance(camera, str):
                raise bad
            return Start(ticket, _printable(camera), fields.get("flash") == "skip")
        case {"type": "cancel"}:
            return Cancel()
        case _:
            raise bad


def _printable(text: str) -> str:
    """On one line, without control characters, cut to what is stored."""
    clean = "".join(mark if mark.isprintable() else " " for mark in text)
    return " ".join(clean.split())[:_MAX_CAMERA].rstrip()


def fractions(box: Box, width: int, height: int) -> list[float]:
    """A box in pixels as fractions of a width×height frame, cut to 0–1."""
    left, right = (min(max(x / width, 0.0), 1.0) for x in (box.x, box.x + box.w))
    top, bottom = (min(max(y / height, 0.0), 1.0) for y in (box.y, box.y + box.h))
    return [round(value, 4) for value in (left, top, right - left, bottom - top)]


@dataclass
class FrameGate:
    """Size and rate caps of one socket. ``per_second``: frames in any one second."""

    max_bytes: int
    per_second: int
    _recent: deque[float] = field(default_factory=deque)

    def admit(self, size: int, now: float, in_flight: bool) -> None:
        """Let one frame of ``size`` bytes through at ``now`` seconds. Raises ProtocolError."""
        if in_flight:
            raise ProtocolError("frame_in_flight", Close.IN_FLIGHT)
        if size > self.max_bytes:
            raise ProtocolError("frame_too_large", Close.TOO_LARGE)
        while self._recent and now - self._recent[0] >= 1.0:
            self._recent.popleft()
        if len(self._recent) >= self.per_second:
            raise ProtocolError("too_fast", Close.TOO_FAST)
        self._recent.append(now)
