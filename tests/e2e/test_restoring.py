"""A backup that is written while the site serves, read back into a fresh one: on either database, from either."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from portal.demo import clips
from portal.demo.server import Server, ServerError, running
from portal.demo.story import Story
from tests.e2e import needs
from tests.e2e.crowd import IN, Person

pytestmark = pytest.mark.xdist_group("restoring")

BOTH_WAYS = [
    pytest.param("sqlite", "postgres", False, id="to-postgresql", marks=pytest.mark.postgres),
    pytest.param("postgres", "sqlite", True, id="to-sqlite", marks=pytest.mark.postgres),
]


@contextmanager
def _database(engine: str, var: Path) -> Iterator[str]:
    if engine == "sqlite":
        yield f"sqlite:///{var / 'livegate.sqlite3'}"
    else:
        with needs.postgres() as url:
            yield url


def _enrolled(server: Server) -> str:
    """The name of somebody with a face."""
    story = Story(server.url)
    for step in (story.sign_up, story.consent, story.enrol, story.sign_out):
        told = step()
        assert told.as_expected, told
    return story.username


def _shell(server: Server, code: str) -> str:
    return server.manage("shell", "--no-imports", "--command", code)


@pytest.mark.parametrize(("before", "after", "prepared"), BOTH_WAYS)
def test_people_sign_in_on_the_restored_site_and_whoever_was_erased_meanwhile_is_not_back(
    tmp_path: Path, portal_settings: dict[str, str], before: str, after: str, prepared: bool
) -> None:
    old, new, file = tmp_path / "old", tmp_path / "new", tmp_path / "site.zip"
    clip = clips.live_clip(clips.PERSON, seed=4)
    with _database(before, old) as url, running(old, DATABASE_URL=url, **portal_settings) as server:
        stays, leaves = _enrolled(server), _enrolled(server)
        visitor = Person(server.url, stays, clip)
        busy = threading.Thread(target=lambda: [visitor.try_once() for _ in range(3)])
        busy.start()
        said = server.manage("backup", str(file))
        busy.join()
        assert visitor.outcomes[IN] > 0, "Nobody waits for a backup."
        assert "Not in it: the keys" in said
        _shell(
            server,
            "from accounts import services; from accounts.models import User; "
            f"services.delete_account(user=User.objects.get(username='{leaves}'))",
        )
        erasures = tmp_path / "erasures.jsonl"
        erasures.write_text(server.manage("erasures"))
        assert (old / "erasures.jsonl").read_text() == erasures.read_text()
    new.mkdir()
    shutil.copytree(old / "secrets", new / "secrets")
    with _database(after, new) as url:
        own = {**portal_settings, "DATABASE_URL": url}
        fresh = replace(server, environment={**server.environment, "LIVEGATE_VAR": str(new), **own})
        if prepared:
            fresh.manage("migrate", "--verbosity", "0")
        told = fresh.manage("restore", str(file), "--erasures", str(erasures))
        assert "1 erasures done again" in told
        with running(new, **own) as restored:
            returning = Person(restored.url, stays, clip)
            assert any(returning.try_once() == IN for _ in range(5)), returning.outcomes
            names = (
                "from accounts.models import User; print([u.username for u in User.objects.all()])"
            )
            assert leaves not in _shell(restored, names)
            assert "whole" in restored.manage("verify_audit")
            with pytest.raises(ServerError, match="empty database"):
                restored.manage("restore", str(file))
