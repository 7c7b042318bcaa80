"""The chain that binds every frame of a capture to its ticket, to this socket, and to all frames before it.

The first link is SHA-256 of the ticket's text; every later one is SHA-256(link before ‖ nonce ‖ JPEG), with the nonce
of sixteen bytes that the server drew when the ticket was redeemed. A frame from another attempt, a frame out of order
or a frame that somebody put in on the way does not continue the chain.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

LINK_BYTES = 32


class BrokenChain(ValueError):
    """The message does not continue the chain."""


def first_link(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode()).digest()


def next_link(link: bytes, nonce: bytes, jpeg: bytes) -> bytes:
    return hashlib.sha256(link + nonce + jpeg).digest()


@dataclass
class FrameChain:
    """Either end of one socket. nonce: 16 bytes; a server draws it, a client is told."""

    ticket: str
    nonce: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def __post_init__(self) -> None:
        self._link = first_link(self.ticket)

    def seal(self, jpeg: bytes) -> bytes:
        """The message that carries the next frame: its link, then the JPEG."""
        self._link = next_link(self._link, self.nonce, jpeg)
        return self._link + jpeg

    def open(self, message: bytes) -> bytes:
        """The JPEG of the next message. Raises BrokenChain, and then stays where it was."""
        link, jpeg = message[:LINK_BYTES], message[LINK_BYTES:]
        expected = next_link(self._link, self.nonce, jpeg)
        if not hmac.compare_digest(link, expected):
            raise BrokenChain("This frame does not follow the one before.")
        self._link = expected
        return jpeg
