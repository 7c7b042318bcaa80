"""What is watched during a day of attacks: each promise that can be broken is seen when it is."""

import json
import os
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from portal.attack import day, report, verdict, watch
from portal.attack.__main__ import ATTEMPTS, main
from portal.attack.attacker import Broken, LetIn
from portal.attack.kinds import KINDS, Kind, deck
from portal.attack.timing import apart
from portal.demo.client import VisitError

assert ATTEMPTS


def test_the_deck_has_every_kind_and_is_the_same_every_time() -> None:
    cards = deck(400)
    dealt = Counter(card.name for card in cards)
    assert len(cards) == 400
    assert set(dealt) == set(KINDS)
    assert [card.name for card in cards] == [card.name for card in deck(400)]
    often = Counter(card.name for card in deck(10_000))
    assert often["forged-form"] > often["phone"] > often["slow-loris"] > 10


def test_kinds_can_be_chosen_and_unknown_ones_are_refused() -> None:
    assert {card.name for card in deck(9, ["phone", "still"])} == {"phone", "still"}
    with pytest.raises(ValueError, match="no kind photo; there are: another-face"):
        deck(9, ["photo"])


def test_every_kind_says_what_it_tries() -> None:
    assert all(kind.about.endswith(".") for kind in KINDS.values())
    assert sum(kind.weight for kind in KINDS.values()) > 0


def _tallied(outcome: Any) -> day.Tally:
    def attempt(grounds: Any, rng: Random) -> str:
        if isinstance(outcome, Exception):
            raise outcome
        return str(outcome)

    tally = day.Tally()
    day.attempt(None, Kind("k", 1, attempt, "Tries."), Random(0), tally)  # type: ignore[arg-type]
    return tally


def test_whoever_gets_in_or_breaks_the_server_is_a_shortfall() -> None:
    assert verdict.attempts_shortfalls(_tallied("403")) == []
    assert verdict.attempts_shortfalls(_tallied(ConnectionResetError())) == []
    assert "1 attempts got in" in verdict.attempts_shortfalls(_tallied(LetIn("in")))[0]
    for trouble in (
        Broken("500 for GET /"),
        KeyError("ticket"),
        VisitError("no form"),
        TypeError(),
    ):
        assert "1 attempts broke" in verdict.attempts_shortfalls(_tallied(trouble))[0]


def test_a_fault_in_the_log_is_seen_and_a_refusal_is_none(tmp_path: Path) -> None:
    log = tmp_path / "server-1.log"
    refusal = {"level": "ERROR", "logger": "django.security.DisallowedHost", "exception": "…"}
    log.write_text(json.dumps(refusal) + '\n127.0.0.1 - - "GET /" 400\n{"level": "INFO"}\n')
    assert verdict.log_shortfalls(tmp_path) == []
    fault = {"level": "ERROR", "logger": "django.request", "message": "Internal Server Error: /"}
    log.write_text(json.dumps(fault) + "\nTraceback (most recent call last):\n")
    said = verdict.log_shortfalls(tmp_path)
    assert len(said) == 2
    assert "django.request Internal Server Error" in said[0]


def _memory(growth: float, files: int = 30) -> watch.Memory:
    """Warms up to 400 MB, then grows by a share of it until the end."""
    sizes = np.concatenate(
        [np.linspace(300e6, 400e6, 100), np.linspace(400e6, 400e6 * (1 + growth), 300)]
    )
    opened = np.concatenate([np.full(100, 30), np.linspace(30, files, 300)])
    return watch.Memory(
        [(float(n), int(a), int(b)) for n, (a, b) in enumerate(zip(sizes, opened, strict=True))]
    )


def test_memory_that_grows_is_a_shortfall_and_a_warm_up_is_none() -> None:
    assert verdict.memory_shortfalls(_memory(0.02), 400) == []
    assert "memory grew by" in verdict.memory_shortfalls(_memory(0.3), 400)[0]
    assert "files open" in verdict.memory_shortfalls(_memory(0.0, files=90), 400)[0]
    assert verdict.memory_shortfalls(_memory(0.3), 30) == []
    assert _memory(0.3).slope() == pytest.approx(0.3 * 400e6 / 300, rel=0.02)


def test_the_size_of_this_process_is_read() -> None:
    assert 10_000_000 < watch.resident(os.getpid()) < 50_000_000_000


def test_times_that_tell_who_exists_are_told_from_noise() -> None:
    rng = np.random.default_rng(3)
    one, two = rng.normal(0.1, 0.02, (2, 300))
    assert not apart(list(one), list(two)).tells
    assert apart(list(one + 0.02), list(two)).tells
    assert apart([1.0, 2.0], [3.0, 4.0]).auc == 0.0
    assert not apart([1.0, 2.0], [3.0, 4.0]).tells


def test_the_table_has_a_row_for_every_kind() -> None:
    kind = {"tries": 7, "let_in": 0, "refused": {"403": 3, "404": 1, "405": 1, "401": 1, "400": 1}}
    memory = _memory(0.0).summary()
    found = {"kinds": {"phone": kind}, "attempts": 7, "let_in": 0, "broken": 0, "seconds": 60}
    text = report.table({**found, "memory": memory, "owners_seconds": [], "timing": {}})
    assert "| phone | 7 | 0 | 3 × 403, 1 × 404, 1 × 405, 1 × 401, 1 × otherwise |" in text
    assert "7 attempts in 1.0 minutes; 0 got in" in text


def test_without_postgresql_the_command_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--count", "1", "--postgres", "postgres://127.0.0.1:1/none"]) == 1
    assert "name it with --postgres postgres://user" in capsys.readouterr().out


def test_the_kinds_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert "A phone that shows the person" in capsys.readouterr().out
