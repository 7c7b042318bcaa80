import pytest

from liveness import protocol
from liveness.engine.crops import Box
from liveness.protocol import Close, FrameGate, ProtocolError


def _refusal(gate: FrameGate, size: int, now: float, in_flight: bool = False) -> Close:
    with pytest.raises(ProtocolError) as refused:
        gate.admit(size, now, in_flight)
    return refused.value.close


def test_a_start_carries_its_ticket() -> None:
    assert protocol.parse('{"type":"start","ticket":"abc"}') == protocol.Start("abc")
    assert protocol.parse('{"type":"cancel"}') == protocol.Cancel()


def test_the_rate_is_counted_over_any_one_second() -> None:
    gate = FrameGate(max_bytes=10, per_second=2)
    gate.admit(1, 0.0, False)
    gate.admit(1, 0.9, False)
    assert _refusal(gate, 1, 0.99) == Close.TOO_FAST
    gate.admit(1, 1.0, False)
    assert _refusal(gate, 1, 1.8) == Close.TOO_FAST


def test_the_largest_frame_is_let_through_and_one_byte_more_is_not() -> None:
    gate = FrameGate(max_bytes=10, per_second=9)
    gate.admit(10, 0.0, False)
    assert _refusal(gate, 11, 0.1) == Close.TOO_LARGE


def test_one_frame_is_in_flight_at_a_time() -> None:
    assert _refusal(FrameGate(10, 9), 1, 0.0, in_flight=True) == Close.IN_FLIGHT


def test_a_box_that_reaches_outside_is_cut_to_the_frame() -> None:
    assert protocol.fractions(Box(-20, 50, 60, 200), 100, 200) == [0.0, 0.25, 0.4, 0.75]
