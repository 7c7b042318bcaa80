"""A small day of attacks at a real site: nobody gets in; and where a gate is planted open, the day says so and fails."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.attack.__main__ import main
from tests.e2e import needs
from tests.grid_bundle import make_grid_bundle

pytestmark = [pytest.mark.postgres, pytest.mark.redis]


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the command needs to know of this machine."""
    with needs.postgres() as database, needs.redis_database() as redis:
        monkeypatch.setenv("REDIS_URL", redis)
        yield ["--postgres", database, "--attackers", "3"]


def test_a_day_of_a_hundred_and_fifty_attempts_lets_nobody_in(
    ground: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = main([*ground, "--count", "150", "--json", str(tmp_path / "day.json")])
    said = capsys.readouterr().out
    assert ended == 0, said
    found = json.loads((tmp_path / "day.json").read_text())
    assert (found["attempts"], found["let_in"], found["broken"]) == (150, 0, 0)
    assert sum(kind["tries"] for kind in found["kinds"].values()) == 150
    assert all(sum(kind["refused"].values()) == kind["tries"] for kind in found["kinds"].values())
    assert "Nobody got in." in said


def test_gates_that_are_planted_open_are_named_and_fail_the_day(
    ground: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every face matches, no picture is a screen, every origin is ours."""
    bundle = make_grid_bundle(tmp_path / "bundle", limit=1.0)
    planted = ["FACE_MATCH_THRESHOLD=-1", "ALLOWED_HOSTS=*", f"LIVENESS_BUNDLE={bundle}"]
    words = [word for setting in planted for word in ("--set", setting)]
    kinds = "phone,another-face,another-origin"
    ended = main([*ground, "--count", "18", "--only", kinds, *words])
    said = capsys.readouterr().out
    assert ended == 1, said
    assert "NOT KEPT: another-origin: LET IN: the handshake was accepted" in said
    assert "NOT KEPT: phone: LET IN" in said
    assert "NOT KEPT: another-face: LET IN" in said
    assert "sign-ins on record, but owners made" in said
