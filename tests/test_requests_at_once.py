"""Requests at the same time: a capture is redeemed once, an Idempotency-Key is carried out once, a rate holds.

The interleavings are drawn: before each statement to the database a thread waits for its turn in an order that
Hypothesis makes up. Where a thread waits for another one's lock instead, the turn passes on.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import needs
from tests.sites import Site

_TURNS = """
import threading
from django.core.cache import cache
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given, settings, strategies as st
from accounts.models import User
from api import captures, keys, webhooks
from api.models import SCOPES, StoredAnswer, WebhookEvent
from liveness.models import Attempt, Review
from liveness.tests.fakes import FakeEngine, ended_attempt, passed_attempt, spoof
from trail.models import AuditEntry

owner = User.objects.create_superuser("olga", "olga@example.org", "x")
key, text = keys.create_key(owner=owner, name="all", scopes=SCOPES, per_minute=100_000)
webhooks.Webhook.objects.create(owner=owner, url="https://a.example/", events=["capture.redeemed"])
THREADS = 3
orders = st.lists(st.integers(0, THREADS - 1), min_size=5, max_size=60)
bounded = settings(max_examples=12, deadline=None, database=None, derandomize=True,
                   suppress_health_check=list(HealthCheck))

class Turns:
    def __init__(self, order):
        self.order, self.at, self.done = order, 0, set()
        self.condition = threading.Condition()

    def mine(self, me):
        while self.at < len(self.order) and self.order[self.at] in self.done:
            self.at += 1
        return self.at >= len(self.order) or self.order[self.at] == me

    def wait(self, me):
        with self.condition:
            self.condition.wait_for(lambda: self.mine(me), 0.5)
            self.at += 1
            self.condition.notify_all()

    def end(self, me):
        with self.condition:
            self.done.add(me)
            self.condition.notify_all()

def at_once(order, work):
    turns, answers = Turns(order), [None] * THREADS
    def run(me):
        def wrapper(execute, *args):
            turns.wait(me)
            return execute(*args)
        try:
            with connection.execute_wrapper(wrapper):
                answers[me] = work(Client(headers={"Authorization": f"Bearer {text}"}), me)
        finally:
            turns.end(me)
            connection.close()
    threads = [threading.Thread(target=run, args=[me]) for me in range(THREADS)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return answers

def new(answers):
    return [a for a in answers if a.status_code == 200 and "Idempotent-Replayed" not in a.headers]
"""
_REDEEM = """
@given(orders, st.lists(st.sampled_from(["", "a", "b"]), min_size=THREADS, max_size=THREADS))
@bounded
def check(order, tokens):
    StoredAnswer.objects.all().delete()
    capture = captures.open_capture(key=key, purpose="liveness")
    capture.attempt = passed_attempt(session_key=captures.session_key(captures.token_of(capture)))
    capture.save()
    path = f"/api/v1/captures/{capture.pk}/redeem/"
    def redeem(client, me):
        headers = {"Idempotency-Key": tokens[me]} if tokens[me] else {}
        return client.post(path, {}, "application/json", headers=headers)
    answers = at_once(order, redeem)
    assert len(new(answers)) == 1, answers
    assert {a.status_code for a in answers} <= {200, 409}, answers
    noted = [e for e in AuditEntry.objects.filter(event="capture_redeemed")
             if e.facts["capture"] == str(capture.pk)]
    assert len(noted) == 1
    assert WebhookEvent.objects.filter(body__contains=str(capture.pk)).count() == 1
    assert Attempt.objects.get(pk=capture.attempt_id).state == "claimed"
check()
print("redeemed once")
"""
_IDEMPOTENCY = """
@given(orders)
@bounded
def check(order):
    StoredAnswer.objects.all().delete()
    attempt = ended_attempt(FakeEngine(spoof()))
    def label(client, me):
        return client.post(f"/api/v1/attempts/{attempt.pk}/label/", {"label": "print"},
                           "application/json", headers={"Idempotency-Key": "one"})
    answers = at_once(order, label)
    assert {a.status_code for a in answers} <= {200, 409}, answers
    assert len(new(answers)) == 1, answers
    assert Review.objects.filter(attempt=attempt).count() == 1
    after = label(Client(headers={"Authorization": f"Bearer {text}"}), 0)
    assert (after.status_code, after["Idempotent-Replayed"]) == (200, "true")
check()
print("carried out once")
"""
_RATE = """
from liveness.throttling import CountingThrottle
CountingThrottle.timer = staticmethod(lambda: 1000.0)
hasty, secret = keys.create_key(owner=owner, name="h", scopes=["attempts:read"], per_minute=5)
cache.clear()
together, answers = threading.Barrier(12), []
def ask():
    together.wait()
    for _ in range(3):
        client = Client(headers={"Authorization": f"Bearer {secret}"})
        answers.append(client.get("/api/v1/attempts/").status_code)
    connection.close()
threads = [threading.Thread(target=ask) for _ in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(answers.count(200), set(answers) <= {200, 429})
"""


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    var: Path = tmp_path_factory.mktemp("site")
    own = {"ALLOWED_HOSTS": "testserver,127.0.0.1", "LOG_LEVEL": "CRITICAL"}
    own |= {"LIVENESS_CLAIM_SECONDS": "3600", "LIVENESS_ATTEMPTS_PER_MINUTE": "1000"}
    if request.param == "sqlite":
        yield Site(var, f"sqlite:///{var / 'site.sqlite3'}", **own)
    else:
        with needs.postgres() as url:
            yield Site(var, url, **own)


def test_no_interleaving_of_redeems_redeems_twice(site: Site) -> None:
    assert _said(site, _REDEEM) == "redeemed once"


def test_no_interleaving_carries_one_idempotency_key_out_twice(site: Site) -> None:
    assert _said(site, _IDEMPOTENCY) == "carried out once"


def test_a_rate_holds_for_requests_at_the_same_time(site: Site) -> None:
    """The clock stands still: of 36 requests within one minute five pass."""
    assert _said(site, _RATE) == "5 True"


def _said(site: Site, code: str) -> str:
    fresh = "from accounts.models import User; User.objects.filter(username='olga').delete()\n"
    return site.run(fresh + _TURNS + code)[-1]
