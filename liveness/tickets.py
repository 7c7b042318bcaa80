"""The signed ticket that lets one browser session run one attempt over a websocket, once and for a short while."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.core import signing

_SALT = "liveness.ticket"


class TicketError(PermissionError):
    """The ticket is refused. ``code``: wrong_ticket, expired_ticket, used_ticket, other_session, other_purpose
    or wait.
    """

    def __init__(self, code: str) -> None:
        super().__init__(f"The ticket is refused: {code}.")
        self.code = code


@dataclass(frozen=True)
class Ticket:
    """What a ticket is bound to. ``session`` is the digest of the HTTP session's key, never the key."""

    attempt: UUID
    session: str
    purpose: str


def session_digest(session_key: str) -> str:
    """SHA-256 hex of a session key. Raises ValueError for a session that was never saved."""
    if not session_key:
        raise ValueError("There is no session to bind to: save the session first.")
    return hashlib.sha256(session_key.encode()).hexdigest()


def issue(ticket: Ticket) -> str:
    """Sign a ticket; its age counts from now."""
    fields = {"a": ticket.attempt.hex, "s": ticket.session, "p": ticket.purpose}
    return signing.dumps(fields, salt=_SALT)


def read(text: str) -> Ticket:
    """Verify signature and age. Raises TicketError: wrong_ticket or expired_ticket."""
    try:
        fields = signing.loads(text, salt=_SALT, max_age=settings.LIVENESS_TICKET_SECONDS)
        return Ticket(UUID(fields["a"]), str(fields["s"]), str(fields["p"]))
    except signing.SignatureExpired as error:
        raise TicketError("expired_ticket") from error
    except (signing.BadSignature, KeyError, TypeError, ValueError) as error:
        raise TicketError("wrong_ticket") from error
