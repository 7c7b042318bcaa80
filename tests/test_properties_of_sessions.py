"""For any looks, any bytes and any interleaving: what must never happen does not."""

import json
from contextlib import suppress

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from liveness import protocol
from liveness.chain import BrokenChain, FrameChain
from liveness.engine import frames
from liveness.engine.look import Look
from liveness.engine.quality import Quality
from liveness.engine.session import Decision, Session, SessionRules, Verdict
from liveness.engine.stream import Stream
from liveness.tests.fakes import THRESHOLD, jpeg, live, unclear

RULES = SessionRules(judged=6, live=4, seconds=(1.0, 30.0), frames=60)
_FRAME = jpeg()

looks = st.one_of(
    st.floats(0.0, 1.0).map(live), st.lists(st.sampled_from(Quality)).map(lambda r: unclear(*r))
)
steps = st.lists(st.tuples(looks, st.floats(0.0, 2.0)), max_size=60)


def _run(shown: list[tuple[Look, float]], cautious: bool) -> tuple[Decision, Session]:
    session, at, decision = Session(THRESHOLD, RULES), 0.0, Decision(Verdict.MORE)
    session.cautious = cautious
    for look, pause in shown:
        at += pause
        decision = session.add(look, at)
        if decision.verdict is not Verdict.MORE:
            break
    return decision, session


@given(steps, st.booleans())
@settings(max_examples=400, deadline=None)
def test_no_sequence_of_looks_without_enough_live_ones_passes(
    shown: list[tuple[Look, float]], cautious: bool
) -> None:
    decision, session = _run(shown, cautious)
    enough = sum(score >= THRESHOLD for score in session.scores) * RULES.judged
    if decision.verdict is Verdict.PASS:
        assert len(session.scores) >= RULES.judged * (RULES.patience if cautious else 1)
        assert enough >= RULES.live * len(session.scores)
        assert (session.pooled or 0.0) >= THRESHOLD


@given(st.lists(st.floats(0.0, THRESHOLD - 0.01).map(live), max_size=60), st.booleans())
@settings(max_examples=200, deadline=None)
def test_looks_that_are_all_below_the_threshold_never_pass(
    shown: list[Look], cautious: bool
) -> None:
    assert _run([(look, 0.3) for look in shown], cautious)[0].verdict is not Verdict.PASS


damaged = st.builds(
    lambda at, junk, end: _FRAME[:at] + junk + _FRAME[at + end :],
    st.integers(0, len(_FRAME)),
    st.binary(max_size=64),
    st.integers(0, 64),
)


@given(st.one_of(st.binary(max_size=2000), damaged))
@settings(max_examples=400, deadline=None)
def test_no_bytes_crash_the_decoder(data: bytes) -> None:
    try:
        picture = frames.decode(data)
    except frames.FrameError:
        return
    assert picture.size > 0
    assert Stream().is_new(data, frames.thumbprint(picture), 0.0)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
messages = st.one_of(
    st.text(max_size=300),
    json_values.map(json.dumps),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["start", "cancel", "stop"]) | json_values},
        optional={"ticket": json_values, "camera": json_values},
    ).map(json.dumps),
)


@given(messages)
@settings(max_examples=400, deadline=None)
def test_no_text_crashes_the_protocol(text: str) -> None:
    with suppress(protocol.ProtocolError):
        assert isinstance(protocol.parse(text), protocol.Start | protocol.Cancel)


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_no_bytes_continue_a_chain_by_chance(data: bytes) -> None:
    with pytest.raises(BrokenChain):
        FrameChain("ticket", bytes(16)).open(data)


@pytest.mark.django_db
@given(st.text(max_size=80))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_attempt_that_is_typed_in_is_an_error_of_the_server(client: Client, text: str) -> None:
    assert client.post("/signin/face/finish/", {"attempt": text}).status_code < 500
