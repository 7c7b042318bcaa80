"""One chain remains when many processes append at the same time, and the database guards it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import needs
from tests.sites import Site

WRITERS, ENTRIES = 4, 25

_APPEND = f"""
import threading
from django.db import connection
from trail import chain
def write(n):
    for _ in range({ENTRIES}):
        chain.append("signed_in", subject=n)
    connection.close()
threads = [threading.Thread(target=write, args=[n]) for n in range({WRITERS})]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
_VERIFY = "from trail import chain; print(chain.verify().entries)"
_TAMPER = """
from django.db import DatabaseError, connection
for statement in ("UPDATE trail_auditentry SET event = 'x'", "DELETE FROM trail_auditentry", %r):
    try:
        connection.cursor().execute(statement)
    except DatabaseError as error:
        print("append-only" in str(error))
"""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    if request.param == "sqlite":
        yield Site(tmp_path, f"sqlite:///{tmp_path / 'site.sqlite3'}")
    else:
        with needs.postgres() as database:
            yield Site(tmp_path, database)


def test_parallel_writers_make_one_chain_that_the_database_guards(site: Site) -> None:
    writers = [site.start(_APPEND) for _ in range(2)]
    for process in writers:
        _, trouble = process.communicate(timeout=240)
        assert process.returncode == 0, trouble
    assert site.run(_VERIFY) == [str(2 * WRITERS * ENTRIES)]
    postgres = site.environment["DATABASE_URL"].startswith("postgres")
    third = (
        "TRUNCATE trail_auditentry"
        if postgres
        else "REPLACE INTO trail_auditentry SELECT * FROM trail_auditentry"
    )
    assert site.run(_TAMPER % third) == ["True"] * 3
    assert site.run(_VERIFY) == [str(2 * WRITERS * ENTRIES)]
