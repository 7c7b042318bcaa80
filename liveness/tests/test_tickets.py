from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from liveness import services
from liveness.models import Attempt
from liveness.tests.fakes import OTHER_SESSION, SESSION
from liveness.tickets import TicketError

pytestmark = pytest.mark.django_db


def _open(purpose: str = "signin") -> tuple[Attempt, str]:
    return services.open_attempt(purpose=purpose, session_key=SESSION)


def _refusal(ticket: str, session_key: str = SESSION, purpose: str | None = None) -> str:
    with pytest.raises(TicketError) as refused:
        services.start_attempt(ticket=ticket, session_key=session_key, purpose=purpose)
    return refused.value.code


def test_a_ticket_starts_its_attempt() -> None:
    attempt, ticket = _open()
    started = services.start_attempt(ticket=ticket, session_key=SESSION, purpose="signin")
    assert started.pk == attempt.pk
    assert started.state == Attempt.State.RUNNING
    assert started.opened is not None


def test_a_ticket_is_refused_twice() -> None:
    _, ticket = _open()
    services.start_attempt(ticket=ticket, session_key=SESSION)
    assert _refusal(ticket) == "used_ticket"


def test_a_ticket_of_another_session_is_refused_and_stays_usable_by_its_own() -> None:
    _, ticket = _open()
    assert _refusal(ticket, session_key=OTHER_SESSION) == "other_session"
    assert _refusal(ticket, session_key="") == "other_session"
    assert services.start_attempt(ticket=ticket, session_key=SESSION).state == "running"


def test_a_ticket_for_another_purpose_is_refused() -> None:
    _, ticket = _open("enrol")
    assert _refusal(ticket, purpose="signin") == "other_purpose"


@pytest.mark.parametrize("ticket", ["", "nonsense", "a:b:c", "é" * 50])
def test_an_invented_ticket_is_refused(ticket: str) -> None:
    assert _refusal(ticket) == "wrong_ticket"


def test_an_altered_ticket_is_refused() -> None:
    _, ticket = _open()
    altered = ticket[:-1] + ("A" if ticket[-1] != "A" else "B")
    assert _refusal(altered) == "wrong_ticket"


def test_a_ticket_whose_attempt_was_deleted_is_refused() -> None:
    attempt, ticket = _open()
    attempt.delete()
    assert _refusal(ticket) == "wrong_ticket"


def test_a_ticket_expires(settings: Settings) -> None:
    _, ticket = _open()
    settings.LIVENESS_TICKET_SECONDS = -1
    assert _refusal(ticket) == "expired_ticket"


def test_an_expired_attempt_is_not_started_even_with_a_fresh_signature() -> None:
    attempt, ticket = _open()
    Attempt.objects.filter(pk=attempt.pk).update(expires=timezone.now() - timedelta(seconds=1))
    assert _refusal(ticket) == "expired_ticket"


def test_an_attempt_needs_a_saved_session() -> None:
    with pytest.raises(ValueError, match="session"):
        services.open_attempt(purpose="signin", session_key="")


def test_an_unknown_purpose_is_refused() -> None:
    with pytest.raises(ValueError, match="party"):
        services.open_attempt(purpose="party", session_key=SESSION)


def test_a_name_that_belongs_to_nobody_gets_an_attempt_like_any_other() -> None:
    attempt, ticket = services.open_attempt(
        purpose="signin", session_key=SESSION, claimed="n" * 200, user_agent="u" * 300
    )
    assert (attempt.user_id, attempt.claimed, attempt.user_agent) == (None, "n" * 150, "u" * 200)
    assert services.start_attempt(ticket=ticket, session_key=SESSION).pk == attempt.pk


def test_a_network_may_open_only_so_many_attempts_a_minute(settings: Settings) -> None:
    settings.LIVENESS_ATTEMPTS_PER_MINUTE = 2
    for host in ("192.0.2.1", "192.0.2.77"):
        services.open_attempt(purpose="signin", session_key=SESSION, client=host)
    with pytest.raises(services.TooManyAttempts):
        services.open_attempt(purpose="signin", session_key=SESSION, client="192.0.2.5")
    services.open_attempt(purpose="signin", session_key=SESSION, client="198.51.100.1")
    Attempt.objects.update(created=timezone.now() - timedelta(seconds=61))
    services.open_attempt(purpose="signin", session_key=SESSION, client="192.0.2.5")


@pytest.mark.parametrize(
    ("address", "stored"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::9", "2001:db8:1::/48"),
        ("unix", ""),
        ("", ""),
    ],
)
def test_addresses_are_stored_truncated(address: str, stored: str) -> None:
    attempt, _ = services.open_attempt(purpose="signin", session_key=SESSION, client=address)
    assert attempt.client == stored
