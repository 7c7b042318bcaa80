"""Authentication and keeping: every event a log line and an entry of the audit trail; never an image, never a score."""

import logging

from accounts import tombstones
from accounts.names import canonical, find_user
from trail import chain

_log = logging.getLogger("livegate.auth")
_LOGGED_ONLY = frozenset({"client"})


def accepted(event: str, **facts: object) -> None:
    """Something was allowed or done. user: an account's key; by: of who did it, if somebody else."""
    _log.info("%s", _line(event, facts))
    _keep(event, facts)


def refused(event: str, **facts: object) -> None:
    """Something was refused. claimed: a typed name; the trail keeps no name, only whose it is."""
    _log.warning("%s", _line(event, facts))
    _keep(event, facts)


def _keep(event: str, facts: dict[str, object]) -> None:
    rest = {name: value for name, value in facts.items() if name not in _LOGGED_ONLY}
    user, by, claimed = (rest.pop(name, None) for name in ("user", "by", "claimed"))
    if user is None and claimed:
        found = find_user(canonical(str(claimed)))
        user = found.pk if found else None
    words = {name: _joined(value) for name, value in rest.items()}
    tombstones.note(chain.append(event, subject=user, actor=by, **words))


def _joined(value: object) -> object:
    """The trail holds plain facts: a list becomes a text."""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _line(event: str, facts: dict[str, object]) -> str:
    """``repr`` keeps a user name with a line break from forging a second line."""
    return " ".join([event, *(f"{name}={value!r}" for name, value in facts.items())])
