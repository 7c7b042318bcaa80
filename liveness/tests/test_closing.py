import math

import pytest

from liveness import evidence, runtime, services
from liveness.engine import frames
from liveness.engine.capture import Capture
from liveness.engine.quality import Quality
from liveness.engine.session import Decision, Reason, Verdict
from liveness.models import Attempt, Evidence, ModelVersion
from liveness.tests.fakes import (
    SESSION,
    THRESHOLD,
    FakeEngine,
    ended_attempt,
    jpeg,
    live,
    passed_attempt,
    run_capture,
    spoof,
    unclear,
)

pytestmark = pytest.mark.django_db


def _running() -> Attempt:
    _, ticket = services.open_attempt(purpose="signin", session_key=SESSION)
    return services.start_attempt(ticket=ticket, session_key=SESSION)


def test_a_refused_attempt_records_every_frame_the_model_and_the_margin() -> None:
    attempt = ended_attempt(FakeEngine([live(0.9), spoof(0.1)]))
    assert (attempt.state, attempt.reason) == (Attempt.State.FAILED, Reason.SPOOF)
    assert [frame["p"] for frame in attempt.frames] == [0.9, 0.1, 0.1, 0.1, 0.1, 0.1]
    assert attempt.frames[0]["box"] == [100.0, 80.0, 120.0, 140.0]
    assert (attempt.model_name, attempt.threshold) == ("fake", THRESHOLD)
    pooled = attempt.pooled or 0.0
    expected = math.log(pooled / (1 - pooled)) - math.log(THRESHOLD / (1 - THRESHOLD))
    assert attempt.margin == pytest.approx(abs(expected))


def test_the_row_names_the_model_version_that_judged() -> None:
    model = ModelVersion.objects.create(name="fake", sha256="f" * 64)
    assert ended_attempt(FakeEngine(spoof())).model == model


def test_an_attempt_that_could_not_be_judged_abstains_and_keeps_a_frame() -> None:
    attempt = ended_attempt(FakeEngine(unclear(Quality.TOO_DARK)))
    assert (attempt.state, attempt.reason) == (Attempt.State.ABSTAINED, Quality.TOO_DARK)
    assert attempt.pooled is None
    assert [item.kind for item in attempt.evidence.exclude(kind="sequence")] == ["worst"]


def test_the_worst_and_the_best_frame_are_kept_sealed() -> None:
    attempt = ended_attempt(FakeEngine([spoof(0.3), spoof(0.05), spoof(0.2)]))
    kept = {item.kind: item for item in attempt.evidence.all()}
    assert (kept["worst"].p_live, kept["best"].p_live) == (0.05, 0.3)
    assert b"\xff\xd8\xff" not in bytes(kept["worst"].jpeg)
    assert frames.decode(evidence.open_frame(kept["worst"])).shape == (240, 320, 3)


def test_kept_frames_carry_no_metadata() -> None:
    where, picture = b"52.5200 N 13.4050 E", jpeg()
    comment = b"\xff\xfe" + (len(where) + 2).to_bytes(2, "big") + where
    capture = Capture(FakeEngine(spoof()), runtime.rules_for("signin"), 0.43)
    for n in range(6):
        decision = capture.add(picture[:2] + comment + picture[2:], n * 0.4)
    attempt = services.close_attempt(attempt=_running(), decision=decision, capture=capture)
    kept = [evidence.open_frame(item) for item in attempt.evidence.all()]
    assert len(kept) == 7
    assert not any(where in picture for picture in kept)


def test_a_passed_attempt_waits_with_a_sealed_embedding() -> None:
    attempt = passed_attempt()
    assert attempt.state == Attempt.State.PASSED
    assert attempt.secret is not None
    assert attempt.closed is not None
    assert 50 < (attempt.expires - attempt.closed).total_seconds() <= 60


def test_an_attempt_is_closed_once() -> None:
    attempt = ended_attempt(FakeEngine(spoof()))
    decision, capture = run_capture(FakeEngine(live()))
    with pytest.raises(services.AttemptStateError):
        services.close_attempt(attempt=attempt, decision=decision, capture=capture)
    attempt.refresh_from_db()
    assert (attempt.state, attempt.secret) == (Attempt.State.FAILED, None)


def test_an_attempt_that_never_ran_cannot_be_closed_as_passed() -> None:
    attempt, _ = services.open_attempt(purpose="signin", session_key=SESSION)
    decision, capture = run_capture(FakeEngine(live()))
    with pytest.raises(services.AttemptStateError):
        services.close_attempt(attempt=attempt, decision=decision, capture=capture)


def test_an_undecided_attempt_cannot_be_closed() -> None:
    _, capture = run_capture(FakeEngine(live()))
    with pytest.raises(ValueError, match="verdict"):
        services.close_attempt(attempt=_running(), decision=Decision(Verdict.MORE), capture=capture)


def test_a_pass_that_the_engine_did_not_embed_cannot_be_written() -> None:
    attempt = _running()
    _, capture = run_capture(FakeEngine(spoof()))
    with pytest.raises(ValueError, match="embedding"):
        services.close_attempt(attempt=attempt, decision=Decision(Verdict.PASS), capture=capture)
    attempt.refresh_from_db()
    assert attempt.state == Attempt.State.RUNNING


def test_an_abandoned_attempt_keeps_its_record_and_no_frames() -> None:
    _, capture = run_capture(FakeEngine(spoof()))
    attempt = services.abandon_attempt(attempt=_running(), capture=capture)
    assert attempt.state == Attempt.State.ABANDONED
    assert len(attempt.frames) == 6
    assert not attempt.evidence.exists()


def test_a_failed_attempt_is_an_error_with_its_code() -> None:
    _, capture = run_capture(FakeEngine([spoof(0.1), spoof(0.2)]))
    attempt = services.fail_attempt(attempt=_running(), reason="too_fast", capture=capture)
    assert (attempt.state, attempt.reason) == (Attempt.State.ERROR, "too_fast")
    assert attempt.evidence.filter(kind__in=Evidence.FULL_SIZE).count() == 2
