"""A small `make load`: what it measures has the right shape. No time on the clock is judged here."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.load.__main__ import main
from tests.load.figures import CAMERAS, Results, Window, jain, percentiles
from tests.load.report import draw, markdown

GOOD = Window("one server", CAMERAS, 20.0, 3840, 8.0, 20.0, 60.0, 90.0, 0.999, 7.0, 0.02)


def test_two_cameras_are_served_and_counted(tmp_path: Path) -> None:
    figures, picture, page = (tmp_path / name for name in ("load.json", "load.png", "page.md"))
    page.write_text("<!-- load -->\n<!-- /load -->\n")
    small = ["--cameras", "2", "--seconds", "2", "--clip", "12", "--frames", "30"]
    files = ["--json", str(figures), "--picture", str(picture), "--page", str(page)]
    status = main([*small, *files, "--parts", "curve", "memory"])
    found = json.loads(figures.read_text())
    (row,) = found["curve"]
    assert (row["cameras"], row["lost"]) == (2, [])
    assert row["frames"] > 0
    assert 0 < row["p50"] <= row["p95"] <= row["p99"]
    assert 0.5 <= row["jain"] <= 1
    assert row["cost"] > 0
    assert found["memory"][-1][0] >= 30
    assert all(size > 50 for _, size in found["memory"])
    assert status == bool(found["shortfalls"])
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "| one server | 2 |" in page.read_text()
    assert "](load.png)" in page.read_text()


def test_everything_as_promised_falls_short_of_nothing() -> None:
    memory = [(100 * n, 300.0 if n < 5 else 400.0) for n in range(30)]
    halves = [replace(GOOD, what=f"{n} replicas") for n in (1, 2)]
    results = Results([GOOD], [GOOD, GOOD], [(5.0, 4.0)], halves, memory)
    assert results.shortfalls() == []
    assert (results.scaling, results.clock_scaling) == (2.0, 1.0)
    assert "Two replicas carry 2.00 times" in markdown(results)
    assert "5 s announced, 4 s true" in markdown(results)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (replace(GOOD, p95=151.0), "p95 151 ms, promised were 150"),
        (replace(GOOD, rate=7.0), "7.0 frames a second each of 8"),
        (replace(GOOD, jain=0.8), "Jain's index 0.80"),
        (replace(GOOD, lost=("TimeoutError: ",)), "1 frames or attempts lost"),
        (replace(GOOD, p95=500.0, others=0.8), "(others took 80 % of the machine)"),
    ],
)
def test_what_falls_short_is_said(row: Window, words: str) -> None:
    assert words in "; ".join(Results([row]).shortfalls())


def test_a_line_that_does_not_help_falls_short() -> None:
    slower = replace(GOOD, p95=200.0)
    assert Results(line=[GOOD, slower]).shortfalls() == [
        "the line: p95 200 ms with it, 60 ms without"
    ]


def test_replicas_that_get_in_each_others_way_fall_short() -> None:
    dearer = replace(GOOD, cost=8.0)
    assert "carry 1.75 times one" in Results(replicas=[GOOD, dearer]).shortfalls()[0]


def test_memory_that_grows_falls_short() -> None:
    growing = [(n, 300.0 + 10 * n) for n in range(30)]
    assert "more in the last third" in Results(memory=growing).shortfalls()[0]
    assert Results(memory=growing[:6]).growth is None


def test_jains_index_is_one_when_all_are_served_alike() -> None:
    assert jain([5, 5, 5]) == pytest.approx(1)
    assert jain([9, 0, 0]) == pytest.approx(1 / 3)
    assert jain([]) == jain([0, 0]) == 0


def test_percentiles_are_milliseconds() -> None:
    assert percentiles([0.001 * n for n in range(101)]) == pytest.approx((50, 95, 99))


def test_a_report_without_curves_can_be_drawn(tmp_path: Path) -> None:
    draw(Results(), tmp_path / "deep" / "load.png")
    assert (tmp_path / "deep" / "load.png").exists()
