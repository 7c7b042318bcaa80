"""What happens in one attempt, told to a tracer; to nobody by default, and then each call is one comparison.

``portal.tracing`` brings OpenTelemetry's tracer. Told is what the counters tell, of one attempt: no picture, no score, no
name, no address.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_tracer: Any = None
_current: Callable[[], Any] | None = None


def use(tracer: Any, current: Callable[[], Any] | None) -> None:
    """From now on ``tracer`` hears of spans, and ``current()`` is the one that is open; None ends it."""
    global _tracer, _current
    _tracer, _current = tracer, current


@contextmanager
def span(name: str) -> Iterator[None]:
    """What the block does is a span below the one around it, whichever thread or task it began on."""
    if _tracer is None:
        yield
        return
    # The message of an exception may name somebody.
    with _tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False):
        yield


def note(name: str, seconds: float) -> None:
    """Something within the open span has ended that took so long."""
    if _current is not None:
        _current().add_event(name, {"livegate.seconds": seconds})


def say(**facts: str) -> None:
    """Facts about the open span."""
    if _current is not None:
        _current().set_attributes({f"livegate.{name}": fact for name, fact in facts.items()})
