"""One champion remains: a server is killed in the middle of a promotion, and two promote at the same time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import needs
from tests.sites import Site

_PREPARE = """
from pathlib import Path
from liveness import registry
from liveness.tests.bundles import make_bundle
registry.ensure_bundled_model()
for p in (0.95, 0.96):
    make_bundle(Path(folder) / str(p), p)
    registry.register_model(folder=Path(folder) / str(p))
"""
_PROMOTE_AND_STOP = """
import time
from liveness import registry
from liveness.models import ModelVersion
def stop(*args):
    print("half", flush=True)
    time.sleep(60)
registry._activate = stop
registry.promote_model(model=ModelVersion.objects.get(name="constant-0.95"))
"""
_PROMOTE_BOTH = """
import threading
from django.db import connection
from liveness import registry
from liveness.models import ModelVersion
together = threading.Barrier(2)
def promote(name):
    model = ModelVersion.objects.get(name=name)
    registry.local_folder(model)
    together.wait(10)
    registry.promote_model(model=model)
    connection.close()
threads = [threading.Thread(target=promote, args=[f"constant-{p}"]) for p in (0.95, 0.96)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
_STATES = """
from liveness.models import ModelVersion
print(*sorted(ModelVersion.objects.values_list("state", flat=True)))
print(*ModelVersion.objects.filter(state="active").values_list("name", flat=True))
"""
_PROMOTE = """
from liveness import registry
from liveness.models import ModelVersion
registry.promote_model(model=ModelVersion.objects.get(name="constant-0.95"))
"""


def _site(var: Path, database: str) -> Site:
    site = Site(var, database, LIVEGATE_GATE_REQUIRED="false")
    site.run(_PREPARE)
    return site


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    if request.param == "sqlite":
        yield _site(tmp_path, f"sqlite:///{tmp_path / 'site.sqlite3'}")
    else:
        with needs.postgres() as database:
            yield _site(tmp_path, database)


def test_a_server_killed_during_a_promotion_leaves_one_champion(site: Site) -> None:
    process = site.start(_PROMOTE_AND_STOP)
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    process.kill()
    process.communicate()
    before = site.run(_STATES)
    assert before[0] == "active candidate candidate"
    assert "constant" not in before[1]
    site.run(_PROMOTE)
    assert site.run(_STATES) == ["active candidate retired", "constant-0.95"]


def test_two_promotions_at_the_same_time_leave_one_champion(site: Site) -> None:
    site.run(_PROMOTE_BOTH)
    states, champion = site.run(_STATES)
    assert states == "active retired retired"
    assert champion in ("constant-0.95", "constant-0.96")
