"""Whoever is gone, or was refused, gets nothing more: what arrives after that counts for nothing and is no error."""

from typing import Any

import pytest
from autobahn.exception import Disconnected

from liveness import runtime, services
from liveness.consumers import LivenessConsumer
from liveness.engine.session import Decision, Verdict
from liveness.protocol import Close, ProtocolError


async def test_a_look_that_ends_while_the_socket_is_refused_closes_no_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumer, closed = LivenessConsumer(), []

    async def late(*given: Any) -> Any:
        consumer._end()
        return Decision(Verdict.PASS), None

    monkeypatch.setattr(runtime, "run", late)
    monkeypatch.setattr(services, "close_attempt", lambda **given: closed.append(given))
    await consumer._judge(None, b"", 0.0)  # type: ignore[arg-type]
    assert closed == []
    assert not consumer._written


async def test_a_refusal_that_nobody_hears_any_more_is_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    consumer = LivenessConsumer()

    async def gone(*given: Any, **named: Any) -> None:
        raise Disconnected("Attempt to send on a closed protocol")

    async def odd() -> None:
        raise ProtocolError("bad_message", Close.BAD_MESSAGE)

    monkeypatch.setattr(consumer, "send", gone)
    monkeypatch.setattr(consumer, "close", gone)
    await consumer._guarded(odd())
    assert caplog.records == []
