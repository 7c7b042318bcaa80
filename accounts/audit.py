"""One log line for every authentication event: never an image, never a score."""

import logging

_log = logging.getLogger("livegate.auth")


def accepted(event: str, **facts: object) -> None:
    """Something was allowed or done."""
    _log.info("%s", _line(event, facts))


def refused(event: str, **facts: object) -> None:
    """Something was refused."""
    _log.warning("%s", _line(event, facts))


def _line(event: str, facts: dict[str, object]) -> str:
    """``repr`` keeps a user name with a line break from forging a second line."""
    return " ".join([event, *(f"{name}={value!r}" for name, value in facts.items())])
