"""Figures of a scored data set, the page and tables made of them, limits, and the command that does it all."""

import io
import json
import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from liveness.engine import metrics
from liveness.engine.faces import DETECTORS
from training import evaluation, figures, plots, report
from training.evaluation import ScoredFrame
from training.tests.evaluated import (
    DARK,
    LIVE,
    SPOOF,
    OneFace,
    brightness_bundle,
    cameras,
    data_set,
    frames,
)


@pytest.fixture(scope="module")
def scored() -> list[ScoredFrame]:
    return list(cameras())


@pytest.fixture(scope="module")
def found(scored: list[ScoredFrame]) -> dict[str, Any]:
    return figures.report(scored, about={"model": "<invented>"})


def test_errors_are_shares_of_what_was_judged_and_abstentions_stand_apart() -> None:
    scored = frames("a", "", [0.9, 0.1, None, 0.8]) + frames("a", "print", [0.7, 0.1, None, None])
    pooled = figures.report(scored)["frames"]["pooled"]
    assert (pooled["bpcer"]["errors"], pooled["bpcer"]["n"]) == (1, 3)
    assert (pooled["bpnrr"]["errors"], pooled["bpnrr"]["n"]) == (1, 4)
    assert (pooled["apcer"]["errors"], pooled["apcer"]["n"]) == (1, 2)
    assert (pooled["apnrr"]["errors"], pooled["apnrr"]["n"]) == (2, 4)
    assert pooled["acer_not_normative"] == pytest.approx((1 / 3 + 1 / 2) / 2, abs=1e-5)


def test_the_headline_is_the_worst_species_however_rare_it_is() -> None:
    scored = frames("a", "print", [0.1] * 50) + frames("a", "mask", [0.9, 0.1])
    made = figures.report(scored + frames("a", "", [0.9]))
    assert made["headline"]["species"] == "mask"
    assert made["headline"]["apcer"]["rate"] == 0.5
    assert [row["name"] for row in made["frames"]["species"]] == ["mask", "print"]


def test_of_two_species_without_errors_the_one_with_fewer_attacks_is_worse() -> None:
    scored = frames("a", "print", [0.1] * 50) + frames("a", "mask", [0.1] * 5)
    assert figures.report(scored)["headline"]["species"] == "mask"


def test_a_species_that_was_never_judged_is_no_headline_but_is_listed() -> None:
    scored = frames("a", "print", [0.1]) + frames("a", "mask", [None])
    made = figures.report(scored)
    assert made["headline"]["species"] == "print"
    assert [row["name"] for row in made["frames"]["species"]] == ["print", "mask"]


def test_cameras_stand_worst_first_and_those_of_one_class_after_them() -> None:
    scored = frames("good", "", [0.9] * 5) + frames("good", "print", [0.1] * 5)
    scored += frames("bad", "", [0.2, 0.9]) + frames("bad", "print", [0.8, 0.1])
    scored += frames("alone", "", [0.1] * 5)
    level = figures.report(scored)["frames"]
    assert [row["name"] for row in level["cameras"]] == ["bad", "good", "alone"]
    assert level["eer_by_camera"]["without"] == ["alone"]
    assert (level["eer_by_camera"]["mean"], level["eer_by_camera"]["worst"]) == (0.25, 0.5)


def test_each_cameras_eer_is_the_one_of_its_own_scores(
    scored: list[ScoredFrame], found: dict[str, Any]
) -> None:
    for row in found["frames"]["eer_by_camera"]["each"]:
        trials = evaluation.frame_trials(f for f in scored if f.domain == row["name"])
        live = figures.scores_of(t for t in trials if t.live)
        attacks = figures.scores_of(t for t in trials if not t.live)
        assert row["eer"] == pytest.approx(metrics.eer(live, attacks)[0], abs=1e-5)
        assert row["interval95"][0] <= row["eer"] <= row["interval95"][1]


def test_low_false_positive_rates_need_enough_attacks() -> None:
    scored = frames("a", "", [0.9] * 10) + frames("a", "print", [0.1] * 299)
    rows = figures.report(scored)["frames"]["pooled"]["tpr_at_fpr"]
    assert [row["needed"] for row in rows] == [299, 2995, 29956, 299572]
    assert rows[0]["tpr"]["rate"] == 1
    assert [row["tpr"] for row in rows[1:]] == [None] * 3


def test_attempts_are_counted_with_their_rules(found: dict[str, Any]) -> None:
    sessions = found["sessions"]
    assert sessions["rules"] == {"judged": 6, "live": 4, "patience": 2}
    pooled = sessions["pooled"]
    # 60 frames of each camera and class: 19 judged, one not, and so on; 9 whole attempts, the last frames are left.
    assert (pooled["bona_fide"], pooled["attacks"]) == (36, 72)
    assert sessions["left_over"] > 0


def test_reasons_for_no_decision_are_counted_by_class() -> None:
    scored = frames("a", "", [None] * 2) + frames("a", "print", [None], reason="no_face")
    assert figures.report(scored)["no_decision"] == [
        {"reason": "too_dark", "bona_fide": 2, "attacks": 0},
        {"reason": "no_face", "bona_fide": 0, "attacks": 1},
    ]


def test_a_report_is_plain_json_without_nan(found: dict[str, Any]) -> None:
    json.dumps(found, allow_nan=False)
    json.dumps(figures.report(frames("a", "", [None])), allow_nan=False)


def test_one_threshold_for_all_overrules_those_of_the_models(scored: list[ScoredFrame]) -> None:
    strict = figures.report(scored, threshold=0.999)
    assert strict["threshold"] == [0.999]
    assert strict["headline"]["bpcer"]["rate"] > 0.9


def test_limits_that_hold_leave_nothing_short(found: dict[str, Any]) -> None:
    assert report.shortfalls(found, {"max_eer_mean": 1.0, "max_session_apcer": 1.0}) == []


def test_what_exceeds_its_limit_or_was_not_measured_falls_short(found: dict[str, Any]) -> None:
    short = report.shortfalls(found, {"max_eer_worst": 0.001, "max_changes": 0.02})
    assert "EER of the worst camera is" in short[0]
    assert "more than 0.10 %" in short[0]
    assert short[1] == "share of decisions changed by a moved box could not be measured"


def test_the_terminal_shows_the_worst_first_and_names_what_is_not_normative(
    found: dict[str, Any],
) -> None:
    text = report.text(found)
    lines = [line.split()[0] for line in text.splitlines() if line.startswith("cam")]
    assert lines == [row["name"] for row in found["frames"]["cameras"]]
    (acer,) = [line for line in text.splitlines() if line.startswith("ACER")]
    assert acer.endswith("not normative")


class _Outline(HTMLParser):
    """Every tag with its attributes, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def named(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.tags if name == tag)


@pytest.fixture(scope="module")
def page(scored: list[ScoredFrame], found: dict[str, Any]) -> str:
    return report.page(found, plots.draw(evaluation.frame_trials(scored), found))


def test_the_page_needs_nothing_but_itself(page: str) -> None:
    outline = _Outline(page)
    assert not list(outline.named("script"))
    assert not list(outline.named("link"))
    sources = [image["src"] or "" for image in outline.named("img")]
    assert len(sources) == 6
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "http" not in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_the_page_can_be_read_without_seeing_it(page: str) -> None:
    outline = _Outline(page)
    assert all(image["alt"] for image in outline.named("img"))
    tables = len(list(outline.named("table")))
    assert tables == len(list(outline.named("caption"))) >= 6
    assert all(head.get("scope") in ("col", "row") for head in outline.named("th"))
    assert len(list(outline.named("h1"))) == 1


def test_the_page_escapes_what_it_is_told_and_says_what_n_does_not_support(page: str) -> None:
    assert "&lt;invented&gt;" in page
    assert "<invented>" not in page
    assert "not supported by n = 456" in page
    assert page.index("<h2>Glossary</h2>") > page.index("<h2>Plots</h2>")


def test_nothing_judged_still_makes_a_page() -> None:
    made = figures.report(frames("a", "", [None, None]))
    page = report.page(made, [])
    assert "No attack was judged; no bona fide frame was judged." in page
    assert "nan %" not in page


@pytest.fixture
def bright(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Arguments of a run on generated pictures, with a detector that knows where the faces are."""
    monkeypatch.setitem(DETECTORS, "yunet", lambda path: OneFace())
    brightness_bundle(tmp_path / "bundle")
    levels = [("a", "", LIVE), ("a", "print", SPOOF), ("b", "", DARK), ("b", "screen", LIVE)]
    manifest = data_set(tmp_path / "data", levels)
    place = ["--bundle", str(tmp_path / "bundle"), "--data", str(manifest)]
    return [*place, "--out", str(tmp_path / "out")]


def _call(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("evaluate_fas", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_command_writes_figures_page_plots_and_scores(
    tmp_path: Path, bright: list[str]
) -> None:
    text, progress = _call(*bright, "--robustness")
    assert re.search(r"APCER, frames, worst species: screen +100\.00 % .* 6 of 6", text)
    assert "24 of 24 frames scored" in progress
    out = tmp_path / "out"
    made = {path.name for path in out.iterdir()}
    assert made >= {"scores.csv", "report.json", "report.html", "roc.png", "cameras.png"}
    found = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert found["headline"]["apcer"]["rate"] == 1
    assert found["robustness"]["mirrored"]["changed"]["rate"] == 0
    assert found["frames"]["pooled"]["bpnrr"]["errors"] == 6
    assert "Decisions that change with the face box" in (out / "report.html").read_text()


def test_a_report_from_its_own_scores_is_the_same(tmp_path: Path, bright: list[str]) -> None:
    first, _ = _call(*bright)
    again, _ = _call(
        "--scores", str(tmp_path / "out" / "scores.csv"), "--out", str(tmp_path / "again")
    )
    assert first == again


def test_a_limit_that_is_exceeded_ends_with_1_and_the_report(
    tmp_path: Path, bright: list[str]
) -> None:
    with pytest.raises(CommandError, match="falls short: APCER of the worst species") as caught:
        _call(*bright, "--max-apcer", "0.05", "--max-bpcer", "0.5")
    assert caught.value.returncode == 1
    assert "BPCER" not in str(caught.value)
    assert (tmp_path / "out" / "report.html").exists()


def test_cameras_are_chosen_by_pattern(bright: list[str]) -> None:
    text, _ = _call(*bright, "--domains", "c*, a")
    assert "worst species: print" in text
    assert "screen" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "o"], "Give --data, or --scores"),
        (["--scores", "none.csv", "--out", "o"], r"none\.csv cannot be read"),
        (["--scores", "none.csv", "--out", "o", "--robustness"], "needs pictures"),
        (
            ["--data", "d.csv", "--out", "o", "--bundle", "nowhere"],
            r"manifest\.json cannot be read",
        ),
        (["--data", "d.csv", "--out", "o", "--max-bpcer", "5"], "--max-bpcer must be a share"),
        (["--data", "d.csv", "--out", "o", "--threshold", "-1"], "--threshold must be a share"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message) as caught:
        _call(*arguments)
    assert caught.value.returncode == 2
    assert "\n" not in str(caught.value)


def test_a_split_without_rows_says_where_to_look(bright: list[str]) -> None:
    with pytest.raises(CommandError, match="look at --split and --domains"):
        _call(*bright, "--split", "train")


def test_percentages_have_a_dash_for_what_is_unknown() -> None:
    assert report.share(0.1234) == "12.34 %"
    assert report.share(None) == report.share(math.nan) == "–"
