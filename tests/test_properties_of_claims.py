"""No interleaving of claims lets one attempt in twice."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from liveness import services
from liveness.models import Attempt
from liveness.tests.fakes import OTHER_SESSION, SESSION, passed_attempt

claims = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from([SESSION, OTHER_SESSION, ""]),
        st.sampled_from(["signin", "enrol"]),
    ),
    max_size=12,
)


@pytest.mark.django_db
@given(claims)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_however_claims_are_interleaved_each_attempt_is_used_once_by_its_own_session(
    order: list[tuple[int, str, str]],
) -> None:
    attempts = [passed_attempt(purpose=p) for p in ("signin", "enrol", "signin")]
    used: list[int] = []
    for number, session, purpose in order:
        attempt = attempts[number]
        try:
            services.claim_attempt(attempt_id=attempt.pk, session_key=session, purpose=purpose)
        except services.ClaimError:
            continue
        assert (session, purpose) == (SESSION, attempt.purpose)
        used.append(number)
    assert len(used) == len(set(used))
    ids = [attempt.pk for attempt in attempts]
    assert Attempt.objects.filter(pk__in=ids, state="claimed").count() == len(used)
    Attempt.objects.all().delete()
