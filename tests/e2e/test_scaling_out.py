"""Two portals that share PostgreSQL and Redis are one site, and a worker takes its tasks from Redis."""

import time
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from portal.demo import clips
from portal.demo.server import Server, running
from portal.demo.story import OVERVIEW, Story
from tests.e2e import needs
from tests.e2e.machines import worker

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.xdist_group("scaling-out")]

_FINISH = "/signin/face/finish/"


@pytest.fixture(scope="module")
def databases() -> Iterator[dict[str, str]]:
    with needs.postgres() as postgres, needs.redis_database() as redis:
        yield {"DATABASE_URL": postgres, "REDIS_URL": redis}


@pytest.fixture(scope="module")
def replicas(
    tmp_path_factory: pytest.TempPathFactory,
    portal_settings: dict[str, str],
    databases: dict[str, str],
) -> Iterator[tuple[Server, Server]]:
    """Two portals with the same secrets, database and Redis."""
    var = tmp_path_factory.mktemp("replicas")
    settings = {**portal_settings, **databases}
    with running(var, **settings) as first, running(var, **settings) as second:
        yield first, second


def _count(server: Server, table: str) -> int:
    with psycopg.connect(server.environment["DATABASE_URL"]) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])


def _enrolled(server: Server) -> Story:
    story = Story(server.url)
    for step in (story.sign_up, story.consent, story.enrol, story.sign_out):
        told = step()
        assert told.as_expected, told
    return story


def test_an_attempt_opened_on_one_portal_is_captured_and_claimed_on_another(
    replicas: tuple[Server, Server],
) -> None:
    first, second = replicas
    story = _enrolled(first)
    visitor = story.visitor
    visitor.send(visitor.get("/signin/face/").form("/signin/face/"), username=story.username)
    page = visitor.get("/signin/face/capture/")
    verdict = visitor.capture(page, clips.live_clip(clips.PERSON), url=second.url)
    assert verdict["verdict"] == "pass"
    form = page.form(_FINISH)
    answer = visitor.send(replace(form, action=second.url + _FINISH), attempt=verdict["attempt"])
    assert answer.url == second.url + OVERVIEW
    assert story.signed_in()


def test_a_screen_is_refused_on_postgresql_too(replicas: tuple[Server, Server]) -> None:
    story = _enrolled(replicas[1])
    told = story.be_refused("a phone is shown", clips.recaptured_clip(clips.PERSON, seed=5))
    assert told.as_expected, told


def test_a_worker_purges_old_evidence_when_redis_tells_it_to(
    replicas: tuple[Server, Server],
) -> None:
    server = replicas[0]
    story = _enrolled(server)
    assert story.be_refused("a phone", clips.recaptured_clip(clips.PERSON, seed=5)).as_expected
    assert _count(server, "liveness_evidence") > 0
    code = "from liveness.tasks import purge_evidence; purge_evidence.delay()"
    with worker(server, LIVENESS_EVIDENCE_DAYS="0"):
        server.manage("shell", "--command", code)
        end = time.monotonic() + 40
        while _count(server, "liveness_evidence") and time.monotonic() < end:
            time.sleep(0.3)
        assert _count(server, "liveness_evidence") == 0
