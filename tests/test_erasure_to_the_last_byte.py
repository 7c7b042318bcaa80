"""After an erasure nothing of the person is left: in no row, no free page, no sealed value, no file. See ``erasing``."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import erasing
from tests.e2e import needs
from tests.sites import Site

CODE = "from tests import erasing; erasing.main()"
pytestmark = pytest.mark.xdist_group("erasure")

ALL = erasing.SABOTAGE | erasing.ON_SQLITE
Found = dict[str, list[str]]


@contextmanager
def _database(kind: str, var: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{var / 'livegate.sqlite3'}"
        return
    with needs.postgres() as url:
        yield url


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def found(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Found]]:
    """What is found of everybody after each way of erasing and each sabotage, on either database."""
    var = tmp_path_factory.mktemp("var")
    with _database(request.param, var) as url:
        site = Site(
            var,
            url,
            LIVEGATE_SAMPLE_BONA_FIDE="1",
            LIVEGATE_TEMPLATE_UPDATE="0.5",
            LIVENESS_ATTEMPTS_PER_MINUTE="1000",
        )
        process = site.start(CODE)
        said, trouble = process.communicate()
        assert process.returncode == 0, trouble
        yield request.param, json.loads(said)


@pytest.mark.parametrize("how", erasing.HONEST)
def test_nothing_is_left_of_who_was_erased(found: tuple[str, Found], how: str) -> None:
    assert found[1][how] == []


@pytest.mark.parametrize("sabotage", ALL)
def test_an_erasure_that_leaves_something_out_is_noticed(
    found: tuple[str, Found], sabotage: str
) -> None:
    database, every = found
    if database != "sqlite" and sabotage in erasing.ON_SQLITE:
        pytest.skip("Files of the database are searched for SQLite alone.")
    assert ALL[sabotage].left in "\n".join(every[sabotage])


def test_the_search_finds_who_stays_in_every_kind_of_place(found: tuple[str, Found]) -> None:
    database, every = found
    places = "\n".join(every["who stays"])
    for kind in ("jpeg", "picture", "embedding", "sealed", "name"):
        assert f": {kind}" in places, kind
    for place in (
        "face template sealed",
        "face template pending",
        "attempt secret",
        "stored answer body",
    ):
        assert place in places, place
    for place in ("training/run-1/reviewed", "training/set-900", "a session", "django_admin_log"):
        assert place in places, place
    if database == "sqlite":
        assert "livegate.sqlite3: sealed" in places


def test_who_leaves_is_told_which_models_learned_from_them(found: tuple[str, Found]) -> None:
    told = found[1]["account: told"]
    assert len(told) == 1
    assert told[0].startswith("pupil-")
