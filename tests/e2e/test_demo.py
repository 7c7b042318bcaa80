"""`make demo` walks through the real server, and says so when a step goes otherwise than it should."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from liveness.engine.bundle import BUNDLED
from portal.demo.server import BASE_DIR, ServerError, running
from tests.grid_bundle import make_grid_bundle

pytestmark = pytest.mark.xdist_group("demo")

_STEPS = 7
_KEPT = (
    "import json; from accounts.models import Consent; from liveness.models import Attempt; "
    "print(json.dumps({"
    "'refused': sorted(Attempt.objects.filter(state='failed').values_list('reason', flat=True)), "
    "'agreed': sorted(Consent.objects.values_list('purpose', flat=True))}))"
)


def _demo(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "portal.demo", *arguments]
    return subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, check=False)


def _steps(output: str) -> list[str]:
    return re.findall(r"^\d\. .+\n.+$", output, re.MULTILINE)


def test_every_step_goes_as_it_should(grid_bundle: Path) -> None:
    done = _demo("--bundle", str(grid_bundle))
    steps = _steps(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [step for step in steps if not step.endswith("as it should be.")] == []
    assert len(steps) == _STEPS
    assert "proves nothing about accuracy" in done.stdout


def test_a_portal_that_runs_already_is_visited_and_keeps_what_it_refused(
    grid_bundle: Path, tmp_path: Path
) -> None:
    with running(tmp_path, LIVENESS_BUNDLE=str(grid_bundle)) as portal:
        done = _demo("--at", portal.url)
        found = portal.manage("shell", "--no-imports", "--command", _KEPT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(found) == {
        "refused": ["no_match", "spoof"],
        "agreed": ["evidence", "signin", "training"],
    }


def test_a_network_that_lets_a_screen_in_is_found_out(tmp_path: Path) -> None:
    blind = make_grid_bundle(tmp_path, limit=1.0)
    done = _demo("--bundle", str(blind))
    assert done.returncode == 1
    assert _steps(done.stdout)[-1].endswith("THIS IS NOT AS IT SHOULD BE.")


@pytest.mark.skipif(not (BUNDLED / "manifest.json").exists(), reason="there is no bundled model")
def test_every_step_goes_as_it_should_with_the_bundled_network() -> None:
    done = _demo()
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_portal_that_cannot_start_says_why(tmp_path: Path) -> None:
    nowhere = f"sqlite:///{tmp_path}/missing/folder/db.sqlite3"
    with (
        pytest.raises(ServerError, match="unable to open database file"),
        running(tmp_path, DATABASE_URL=nowhere),
    ):
        pass
