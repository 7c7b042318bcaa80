"""A portal, Redis, PostgreSQL and the worker are killed in turn while people sign in.

Each time: everybody is told what to do instead of shown a stack trace, nobody gets in who must not, nothing half
written stays, and the site goes on by itself as soon as the part is back. docs/operations.md says so in a table.
"""

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from portal.demo import clips
from portal.demo.story import Story
from tests.e2e import needs
from tests.e2e.crowd import CUT, IN, REFUSED, TOLD, Careful, Crowd, Person, Told
from tests.e2e.machines import Machines, spread, worker
from tests.e2e.parts import Part, own_postgres, own_redis

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.xdist_group("parts-that-die"),
]


@dataclass
class Site:
    machines: Machines
    postgres: Part
    redis: Part
    owner: str
    mails: Path

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            cursor = connection.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

    def owner_comes(self) -> Person:
        return Person(self.machines.url, self.owner, clips.live_clip(clips.PERSON, seed=4))

    def crowd(self) -> Crowd:
        """The owner, somebody who holds a phone up, and a stranger who claims to be the owner."""
        url, phone = self.machines.url, clips.recaptured_clip(clips.PERSON, seed=5)
        stranger = Person(url, self.owner, clips.live_clip(clips.STRANGER))
        return Crowd([self.owner_comes(), Person(url, self.owner, phone), stranger])


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, portal_settings: dict[str, str]
) -> Iterator[Site]:
    """Two portals behind a proxy, with a PostgreSQL and a Redis of their own; an account with a face."""
    needs.nginx()
    folder = tmp_path_factory.mktemp("site")
    mails = folder / "mails"
    with ExitStack() as stack:
        postgres = stack.enter_context(own_postgres())
        redis = stack.enter_context(own_redis(folder))
        settings = {
            **portal_settings,
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url,
            "EMAIL_URL": f"filemail:///{mails}",
            "LIVEGATE_FAILURES_ACCOUNT": "1",
            "LIVEGATE_FAILURES_PAUSE": "100000",
            "LIVEGATE_FAILURE_WAIT_MAX": "0",
        }
        machines = stack.enter_context(spread(folder / "var", settings))
        story = Story(machines.url)
        for step in (story.sign_up, story.consent, story.enrol, story.sign_out):
            told = step()
            assert told.as_expected, told
        yield Site(machines, postgres, redis, story.username, mails)


def _all_well(site: Site, crowd: Crowd) -> None:
    """What holds whoever was killed."""
    owner, phone, stranger = crowd.people
    assert crowd.faults == []
    assert phone.outcomes[IN] == stranger.outcomes[IN] == 0
    [(faces,)] = site.rows("SELECT count(*) FROM accounts_signin WHERE way = 'face'")
    right = "purpose = 'signin' AND state = 'claimed' AND matched"
    [(matched,)] = site.rows(f"SELECT count(*) FROM liveness_attempt WHERE {right}")
    assert owner.outcomes[IN] <= faces <= matched, "Nobody is in without a face that matched."
    for half in (
        "state = 'claimed' AND (secret IS NOT NULL OR claimed_at IS NULL)",
        "state = 'passed' AND secret IS NULL",
        "state IN ('failed', 'abstained', 'passed') AND closed IS NULL",
        "state IN ('pending', 'running') AND secret IS NOT NULL",
    ):
        assert site.rows(f"SELECT id, state FROM liveness_attempt WHERE {half}") == []
    assert "whole" in site.machines.manage("verify_audit")


def _status(site: Site, path: str) -> tuple[int, str]:
    """Status and Retry-After of a page."""
    try:
        with urllib.request.urlopen(f"{site.machines.url}{path}", timeout=30) as answer:
            return answer.status, answer.headers.get("Retry-After", "")
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Retry-After", "")


def _password(site: Site) -> str:
    """What a wrong password leads to."""
    visitor = Careful(site.machines.url)
    try:
        form = visitor.get("/auth/login/").form("/auth/login/")
        return visitor.send(form, login="nobody", password="wrong").words
    except Told:
        assert visitor.faults == []
        return TOLD


def _in_time(happened: Callable[[], bool], seconds: float = 240.0) -> bool:
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(0.3)
    return True


def test_without_redis_faces_are_judged_and_matched_and_passwords_are_told_to_wait(
    site: Site,
) -> None:
    crowd = site.crowd()
    owner = crowd.people[0]
    with crowd.trying():
        crowd.until(IN, owner)
        site.redis.kill()
        crowd.until(IN, owner)
        crowd.until(REFUSED, crowd.people[1])
        assert _status(site, "/readyz") == (200, "")
        assert _password(site) == TOLD
        site.redis.start()
        crowd.until(IN, owner)
    assert _in_time(lambda: "not correct" in _password(site))
    _all_well(site, crowd)
    assert owner.outcomes[TOLD] == owner.outcomes[CUT] == 0, "Nobody's face needs Redis."


def test_without_postgresql_everybody_is_told_to_wait_and_is_served_when_it_is_back(
    site: Site,
) -> None:
    crowd = site.crowd()
    owner = crowd.people[0]
    with worker(site.machines), crowd.trying():
        crowd.until(IN, owner)
        crowd.until(REFUSED, crowd.people[1])
        old = _make_evidence_old(site)
        assert _in_time(lambda: _answers(site))
        site.postgres.kill()
        _task(site, "liveness.tasks", "purge_evidence.delay()")
        crowd.until(TOLD, owner)
        before = owner.outcomes[IN]
        crowd.until(TOLD, owner)
        assert _status(site, "/readyz")[0] == 503
        assert owner.outcomes[IN] == before, "Without a database nobody gets in."
        site.postgres.start()
        crowd.until(IN, owner)
        kept = "SELECT count(*) FROM liveness_evidence WHERE attempt_id = ANY(%s)"
        assert _in_time(lambda: site.rows(kept, old) == [(0,)]), "The worker tries again."
    _all_well(site, crowd)


def test_what_a_killed_worker_left_is_done_by_the_next(site: Site) -> None:
    crowd = site.crowd()
    _forget_notices(site)
    with worker(site.machines) as first:
        assert _in_time(lambda: _answers(site))
        first.kill()
        first.wait(20)
    with crowd.trying():
        crowd.until(REFUSED, crowd.people[1])
        crowd.until(IN, crowd.people[0])
    assert _notices(site, "sent IS NULL") == 1
    with worker(site.machines):
        assert _in_time(lambda: _notices(site, "sent IS NOT NULL") == 1)
    assert f"{site.owner}@example.org" in _mailed(site)
    _all_well(site, crowd)


def test_a_mail_that_the_queue_never_took_is_sent_later(site: Site) -> None:
    crowd = site.crowd()
    _forget_notices(site)
    with worker(site.machines) as process:
        assert _in_time(lambda: _answers(site))
        site.redis.kill()
        with crowd.trying():
            assert _in_time(lambda: _notices(site, "sent IS NULL") == 1)
        site.redis.start()
        site.rows("UPDATE accounts_failurenotice SET created = created - interval '5 minutes'")
        _task(site, "accounts.tasks", "send_waiting_notices.delay()")
        assert _in_time(lambda: _notices(site, "sent IS NOT NULL") == 1)
        assert process.poll() is None, "The worker outlives its queue."
    assert crowd.faults == []


def test_a_killed_portal_takes_its_running_attempts_along_and_nothing_else(site: Site) -> None:
    crowd = site.crowd()
    owner = crowd.people[0]
    killed = site.machines.portals[0].process
    with crowd.trying():
        crowd.until(IN, owner)
        assert _in_time(lambda: _running(site) > 0)
        killed.kill()
        killed.wait(20)
        crowd.until(IN, owner)
        crowd.until(IN, owner)
    _all_well(site, crowd)
    assert _running(site) > 0, "Somebody's attempt was on it."
    site.rows("UPDATE liveness_attempt SET expires = now() WHERE state = 'running'")
    with worker(site.machines):
        _task(site, "liveness.tasks", "close_dead_attempts.delay()")
        assert _in_time(lambda: _running(site) == 0)
    # One who passed and whose claim died with the portal has used the attempt up, as one who never claims has.
    held = "accounts_charge.state = 'held' AND liveness_attempt.state NOT IN ('passed', 'claimed')"
    attempts = "accounts_charge JOIN liveness_attempt ON liveness_attempt.id = attempt"
    assert site.rows(f"SELECT liveness_attempt.state FROM {attempts} WHERE {held}") == []


def test_when_all_portals_are_gone_the_proxy_says_so(site: Site) -> None:
    for portal in site.machines.portals:
        portal.process.kill()
        portal.process.wait(20)
    assert _status(site, "/signin/face/") == (503, "10")
    owner = site.owner_comes()
    assert owner.try_once() == TOLD
    assert owner.faults == []


def _make_evidence_old(site: Site) -> list[Any]:
    """Attempts whose pictures are due to be erased."""
    return [
        row[0]
        for row in site.rows(
            "UPDATE liveness_attempt SET created = created - interval '31 days' WHERE id IN "
            "(SELECT attempt_id FROM liveness_evidence) AND state = 'failed' RETURNING id"
        )
    ]


def _running(site: Site) -> int:
    [(count,)] = site.rows("SELECT count(*) FROM liveness_attempt WHERE state = 'running'")
    return int(count)


def _forget_notices(site: Site) -> None:
    """The next failure of the account may be told to its owner again."""
    site.rows("UPDATE accounts_failurenotice SET created = created - interval '2 days'")


def _notices(site: Site, state: str) -> int:
    recent = f"created > now() - interval '1 day' AND {state}"
    [(count,)] = site.rows(f"SELECT count(*) FROM accounts_failurenotice WHERE {recent}")
    return int(count)


def _answers(site: Site) -> bool:
    code = "from portal.celery import app; print(bool(app.control.ping(timeout=2)))"
    return "True" in site.machines.manage("shell", "--no-imports", "--command", code)


def _task(site: Site, module: str, call: str) -> None:
    code = f"from {module} import {call.partition('.')[0]}; {call}"
    site.machines.manage("shell", "--no-imports", "--command", code)


def _mailed(site: Site) -> str:
    return "".join(path.read_text() for path in site.mails.glob("*"))
