import threading
from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone

from liveness import services
from liveness.models import Attempt
from liveness.services import ClaimError
from liveness.tests.fakes import (
    ALICE,
    OTHER_SESSION,
    SESSION,
    FakeEngine,
    ended_attempt,
    passed_attempt,
    spoof,
)


def _refusal(attempt: Attempt, session_key: str = SESSION, purpose: str = "signin") -> str:
    with pytest.raises(ClaimError) as refused:
        services.claim_attempt(attempt_id=attempt.pk, session_key=session_key, purpose=purpose)
    return refused.value.code


@pytest.mark.django_db
def test_a_claim_returns_the_embedding_once_and_erases_it() -> None:
    attempt = passed_attempt()
    claimed, embedding = services.claim_attempt(
        attempt_id=attempt.pk, session_key=SESSION, purpose="signin"
    )
    np.testing.assert_allclose(embedding, ALICE, atol=1e-6)
    assert embedding.dtype == np.float32
    assert (claimed.state, claimed.secret) == (Attempt.State.CLAIMED, None)
    assert _refusal(attempt) == "used"


@pytest.mark.django_db
def test_a_claim_from_another_session_is_refused_and_uses_nothing_up() -> None:
    attempt = passed_attempt()
    assert _refusal(attempt, session_key=OTHER_SESSION) == "other_session"
    assert _refusal(attempt, session_key="") == "other_session"
    services.claim_attempt(attempt_id=attempt.pk, session_key=SESSION, purpose="signin")


@pytest.mark.django_db
def test_a_claim_for_another_purpose_is_refused() -> None:
    assert _refusal(passed_attempt(purpose="enrol"), purpose="signin") == "other_purpose"


@pytest.mark.django_db
def test_a_claim_after_expiry_is_refused() -> None:
    attempt = passed_attempt()
    Attempt.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert _refusal(attempt) == "expired"


@pytest.mark.django_db
def test_a_refused_attempt_cannot_be_claimed() -> None:
    assert _refusal(ended_attempt(FakeEngine(spoof()))) == "not_passed"


@pytest.mark.django_db
def test_an_attempt_that_was_only_opened_cannot_be_claimed() -> None:
    attempt, _ = services.open_attempt(purpose="signin", session_key=SESSION)
    assert _refusal(attempt) == "not_passed"


@pytest.mark.django_db
def test_an_attempt_that_never_was_cannot_be_claimed() -> None:
    assert _refusal(Attempt(pk=uuid4())) == "unknown_attempt"


@pytest.mark.django_db
def test_an_embedding_that_was_tampered_with_is_no_embedding() -> None:
    attempt = passed_attempt()
    sealed = bytearray(attempt.secret or b"")
    sealed[-1] ^= 1
    Attempt.objects.update(secret=bytes(sealed))
    assert _refusal(attempt) == "unreadable"
    assert _refusal(attempt) == "used"


@pytest.mark.django_db(transaction=True)
def test_of_two_claims_that_race_one_wins() -> None:
    attempt = passed_attempt()
    gate, outcomes = threading.Barrier(4), list[str]()

    def claim() -> None:
        gate.wait()
        try:
            services.claim_attempt(attempt_id=attempt.pk, session_key=SESSION, purpose="signin")
            outcomes.append("won")
        except ClaimError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["used", "used", "used", "won"]


@pytest.mark.django_db
def test_a_mismatch_turns_the_attempt_into_a_refused_one_with_its_frames() -> None:
    attempt = passed_attempt()
    claimed, _ = services.claim_attempt(
        attempt_id=attempt.pk, session_key=SESSION, purpose="signin"
    )
    failed = services.record_match(attempt=claimed, matched=False)
    assert (failed.state, failed.reason, failed.matched) == ("failed", "no_match", False)
    assert failed.evidence.exists()


@pytest.mark.django_db
def test_a_match_erases_the_frames_and_is_recorded_once() -> None:
    attempt = passed_attempt()
    assert attempt.evidence.exists()
    claimed, _ = services.claim_attempt(
        attempt_id=attempt.pk, session_key=SESSION, purpose="signin"
    )
    services.record_match(attempt=claimed, matched=True)
    assert not attempt.evidence.exists()
    with pytest.raises(services.AttemptStateError):
        services.record_match(attempt=claimed, matched=False)


@pytest.mark.django_db
def test_a_match_cannot_be_recorded_before_the_claim() -> None:
    with pytest.raises(services.AttemptStateError):
        services.record_match(attempt=passed_attempt(), matched=True)


@pytest.mark.django_db
def test_an_enrolment_keeps_no_frames_after_its_claim() -> None:
    attempt = passed_attempt(purpose="enrol")
    services.claim_attempt(attempt_id=attempt.pk, session_key=SESSION, purpose="enrol")
    assert not attempt.evidence.exists()
