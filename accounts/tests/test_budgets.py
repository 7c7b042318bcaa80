import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import budgets, services, words
from accounts.budgets import Exhausted, Subjects
from accounts.models import Budget, Charge, User
from accounts.tests import flows
from liveness import services as liveness
from liveness.engine.quality import Quality
from liveness.models import Attempt
from liveness.services import truncate_address
from liveness.tests.fakes import ALICE, MALLORY, SESSION, spoof, unclear
from liveness.tickets import TicketError

pytestmark = pytest.mark.django_db

NOW = timezone.now()
FREE = 10


def somebody(name: str = "alice", device: str = "", network: str = "") -> Subjects:
    user = User.objects.filter(username=name).first()
    return budgets.subjects(user=user, name=name, device=device, network=network)


def fail(who: Subjects, count: int, at: Any = NOW) -> None:
    """Failures after each other, each when its wait was over."""
    for _ in range(count):
        attempt = uuid4()
        Budget.objects.update(until=None)
        budgets.charge(attempt, who, at)
        budgets.keep(attempt, at)


def wait_of(who: Subjects, after: float = 0) -> int | None:
    with pytest.raises(Exhausted) as refusal:
        budgets.check(who, NOW + timedelta(seconds=after))
    return refusal.value.seconds


def test_nine_failures_do_not_slow_anybody_down() -> None:
    fail(somebody(), FREE - 1)
    budgets.check(somebody(), NOW)


def test_after_ten_failures_there_is_a_wait_of_half_a_minute() -> None:
    fail(somebody(), FREE)
    assert wait_of(somebody(), after=10) in (20, 21)
    budgets.check(somebody(), NOW + timedelta(seconds=31))


def test_each_further_failure_doubles_the_wait_up_to_an_hour() -> None:
    waits = []
    fail(somebody(), FREE - 1)
    for _ in range(9):
        fail(somebody(), 1)
        waits.append((wait_of(somebody()) or 0) - 1)
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_after_a_hundred_failures_the_face_is_paused_however_long_ago_they_were() -> None:
    fail(somebody(), 100)
    assert wait_of(somebody(), after=100 * 24 * 3600) is None


def test_a_wait_also_refuses_an_attempt_whose_page_was_opened_before() -> None:
    fail(somebody(), FREE)
    with pytest.raises(Exhausted):
        budgets.charge(uuid4(), somebody(), NOW + timedelta(seconds=1))


def test_running_attempts_count_until_they_are_given_back() -> None:
    running = [uuid4() for _ in range(FREE)]
    for attempt in running:
        budgets.charge(attempt, somebody(), NOW)
    with pytest.raises(Exhausted):
        budgets.charge(uuid4(), somebody(), NOW)
    budgets.give_back(running[0])
    budgets.charge(uuid4(), somebody(), NOW)


def test_giving_back_does_not_shorten_the_wait_after_a_failure() -> None:
    fail(somebody(), FREE)
    running = uuid4()
    budgets.charge(running, somebody(), NOW + timedelta(seconds=31))
    Budget.objects.update(last=NOW + timedelta(seconds=40))
    budgets.give_back(running)
    assert wait_of(somebody(), after=45) in (25, 26)


def test_a_charge_is_settled_once() -> None:
    attempt = uuid4()
    fail(somebody(), 3)
    budgets.charge(attempt, somebody(), NOW)
    budgets.give_back(attempt)
    budgets.give_back(attempt)
    budgets.succeed(attempt)
    assert Budget.objects.get().failures == 3


def test_the_right_face_clears_the_account_but_not_the_browser_or_the_network() -> None:
    who = somebody(device="d", network="192.0.2.0/24")
    fail(who, 5)
    attempt = uuid4()
    budgets.charge(attempt, who, NOW)
    budgets.succeed(attempt)
    left = dict(Budget.objects.values_list("kind", "failures"))
    assert left == {"account": 0, "device": 5, "network": 5}


def test_a_browser_that_tries_many_names_has_to_wait() -> None:
    for number in range(20):
        fail(somebody(f"name-{number}", device="d"), 1)
    assert wait_of(somebody("another", device="d")) in (30, 31)
    budgets.check(somebody("another", device="e"), NOW)


def test_a_network_that_tries_many_names_has_to_wait() -> None:
    for number in range(100):
        fail(somebody(f"name-{number}", network="192.0.2.0/24"), 1)
    assert wait_of(somebody("another", network="192.0.2.0/24")) in (30, 31)
    budgets.check(somebody("another", network="198.51.100.0/24"), NOW)


def test_failures_of_a_browser_fade_those_of_an_account_do_not() -> None:
    fail(somebody(device="d"), 9)
    Budget.objects.update(changed=timezone.now() - timedelta(hours=2))
    budgets.charge(uuid4(), somebody(device="d"))
    assert dict(Budget.objects.values_list("kind", "failures")) == {"account": 10, "device": 1}


def test_a_password_sign_in_ends_the_pause(alice_with_face: User) -> None:
    fail(somebody(), 100)
    assert flows.capture_page(Client(), "alice").status_code == 429
    flows.signed_in(alice_with_face)
    assert flows.capture_page(Client(), "alice").status_code == 200


def test_the_password_works_whatever_the_budgets_say(alice_with_face: User) -> None:
    fail(somebody(network="127.0.0.0/24"), 100)
    assert flows.is_signed_in(flows.signed_in(alice_with_face))


def test_failures_under_the_email_address_count_for_the_same_person(alice_with_face: User) -> None:
    for name in ("alice", "alice@example.org"):
        for _ in range(5):
            flows.sign_in(Client(), name, MALLORY)
    assert Budget.objects.get(kind="account").failures == FREE


def test_a_name_of_nobody_is_slowed_down_with_the_same_page(alice: User) -> None:
    fail(somebody("alice"), 100)
    fail(somebody("nobody"), 100)
    known, unknown = (flows.capture_page(Client(), name) for name in ("alice", "nobody"))
    assert known.status_code == unknown.status_code == 429
    assert _without_token(known.content) == _without_token(unknown.content)


def _without_token(page: bytes) -> bytes:
    return re.sub(rb'name="csrfmiddlewaretoken" value="\w+"', b"", page)


def test_a_name_of_nobody_costs_as_many_queries(alice: User) -> None:
    clients = [Client(), Client()]
    for client, name in zip(clients, ("alice", "nobody"), strict=True):
        client.post(reverse("accounts:signin_face"), {"username": name})
    counts = []
    for client in clients:
        with CaptureQueriesContext(connection) as counted:
            client.get(reverse("accounts:signin_capture"))
        counts.append(len(counted))
    assert counts[0] == counts[1]


def test_other_names_are_not_slowed_down() -> None:
    fail(somebody("alice"), 100)
    budgets.check(somebody("berta"), NOW)


def test_refused_faces_are_counted_and_the_page_says_how_long_to_wait(
    alice_with_face: User,
) -> None:
    for _ in range(FREE):
        flows.sign_in(Client(), "alice", MALLORY)
    page = flows.capture_page(Client(), "alice")
    assert page.status_code == 429
    assert 0 < int(page["Retry-After"]) <= 30
    assert f"Please wait {page['Retry-After']} seconds" in page.content.decode()
    assert reverse("account_login") in page.content.decode()


def test_a_refused_spoof_uses_an_attempt_up(alice_with_face: User) -> None:
    client = Client()
    page = flows.capture_page(client, "alice")
    attempt = flows.look_into_camera(client, page, looks=spoof())
    assert attempt.state == Attempt.State.FAILED
    assert set(Budget.objects.values_list("failures", flat=True)) == {1}


def test_an_attempt_that_could_not_be_judged_uses_nothing_up(alice_with_face: User) -> None:
    client = Client()
    page = flows.capture_page(client, "alice")
    attempt = flows.look_into_camera(client, page, looks=unclear(Quality.TOO_DARK))
    assert attempt.state == Attempt.State.ABSTAINED
    assert set(Budget.objects.values_list("failures", flat=True)) == {0}


def test_a_hang_up_before_the_verdict_uses_nothing_up(alice_with_face: User) -> None:
    client = Client()
    page = flows.capture_page(client, "alice")
    key = client.session.session_key or ""
    attempt = liveness.start_attempt(ticket=page.context["ticket"], session_key=key)
    assert set(Budget.objects.values_list("failures", flat=True)) == {1}
    liveness.abandon_attempt(attempt=attempt)
    assert set(Budget.objects.values_list("failures", flat=True)) == {0}


def test_an_attempt_that_lost_its_portal_uses_nothing_up(alice_with_face: User) -> None:
    user = alice_with_face
    _, ticket = liveness.open_attempt(
        purpose="signin", session_key=SESSION, claimed="alice", user=user
    )
    liveness.start_attempt(ticket=ticket, session_key=SESSION)
    key = somebody().account
    assert Budget.objects.get(key=key).failures == 1
    assert liveness.close_dead(timezone.now() + timedelta(minutes=3)) == 1
    assert Budget.objects.get(key=key).failures == 0
    assert liveness.close_dead(timezone.now() + timedelta(minutes=3)) == 0


def test_a_pass_that_is_never_claimed_stays_used_up(alice_with_face: User) -> None:
    client = Client()
    flows.look_into_camera(client, flows.capture_page(client, "alice"), ALICE)
    assert set(Budget.objects.values_list("failures", flat=True)) == {1}


def test_a_ticket_that_has_to_wait_is_not_used_up(alice_with_face: User) -> None:
    client = Client()
    page = flows.capture_page(client, "alice")
    key = client.session.session_key or ""
    fail(somebody(), FREE, timezone.now())
    with pytest.raises(TicketError) as refusal:
        liveness.start_attempt(ticket=page.context["ticket"], session_key=key)
    assert refusal.value.code == "wait"
    assert Attempt.objects.get(pk=page.context["attempt"].pk).state == Attempt.State.PENDING
    Budget.objects.update(until=None)
    liveness.start_attempt(ticket=page.context["ticket"], session_key=key)


def test_enrolling_is_never_charged(alice: User) -> None:
    _, ticket = liveness.open_attempt(purpose="enrol", session_key=SESSION, user=alice)
    liveness.start_attempt(ticket=ticket, session_key=SESSION)
    assert not Charge.objects.exists()


def test_a_browser_keeps_its_name_and_cannot_invent_one(alice_with_face: User) -> None:
    client = Client()
    flows.sign_in(client, "alice", MALLORY)
    first = client.cookies["device"].value
    assert client.cookies["device"]["httponly"]
    flows.sign_in(client, "alice", MALLORY)
    assert Budget.objects.get(kind="device").failures == 2
    client.cookies["device"] = "mine:" + first
    flows.sign_in(client, "alice", MALLORY)
    assert Budget.objects.filter(kind="device").count() == 2


def test_the_rows_do_not_tell_whom_they_count(alice_with_face: User) -> None:
    flows.sign_in(Client(), "alice", MALLORY)
    stored = str(list(Budget.objects.values())) + str(list(Charge.objects.values()))
    network = truncate_address("127.0.0.1")
    assert "alice" not in stored
    assert network not in stored


def test_deleting_an_account_forgets_its_budget(alice_with_face: User) -> None:
    fail(somebody(), 3)
    services.delete_account(user=alice_with_face)
    assert not Budget.objects.exists()
    assert not Charge.objects.exists()


def test_what_is_over_is_dropped_and_a_pause_is_not() -> None:
    fail(somebody("quiet", device="d"), 1)
    fail(somebody("paused"), 100)
    long_ago = timezone.now() - timedelta(days=2)
    Budget.objects.update(changed=long_ago)
    Charge.objects.update(created=long_ago)
    budgets.forget_old()
    assert list(Budget.objects.values_list("kind", "failures").order_by("failures")) == [
        ("account", 1),
        ("account", 100),
    ]
    assert not Charge.objects.exists()


@pytest.mark.parametrize(
    ("seconds", "words_"),
    [(1, "1 second"), (30, "30 seconds"), (61, "2 minutes"), (3600, "1 hour"), (3601, "2 hours")],
)
def test_a_wait_is_said_in_words(seconds: int, words_: str) -> None:
    assert words.duration(seconds) == words_
