"""How far a decision hangs on the place of the face box, and on left and right."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liveness.engine import manifests
from liveness.engine.bundle import Threshold
from liveness.engine.crops import Box
from liveness.engine.frames import encode_jpeg
from liveness.engine.session import SessionRules
from training import robustness
from training.robustness import FLIP, MOVES, Probe
from training.tests.evaluated import (
    BOX,
    DARK,
    LIVE,
    OneFace,
    brightness_bundle,
    data_set,
    frames,
    photo,
)

RULES = SessionRules(judged=3, live=2)
NAMES = [move.name for move in MOVES]


def _probe(score: float, number: int = 0, **changed: float) -> Probe:
    frame = replace(frames("a", "", [score])[0], path=f"a/{number:03}.jpg")
    return Probe(frame, dict.fromkeys([*NAMES, FLIP], score) | changed)


def test_a_box_is_shifted_by_shares_of_its_longer_side() -> None:
    box = Box(100, 50, 60, 80)
    assert robustness.moved(box, MOVES[0]) == Box(84, 50, 60, 80)
    assert robustness.moved(box, MOVES[3]) == Box(100, 66, 60, 80)


def test_a_box_is_scaled_around_its_own_centre() -> None:
    bigger = robustness.moved(Box(100, 50, 60, 80), MOVES[5])
    assert (bigger.x, bigger.y, bigger.w, bigger.h) == pytest.approx((94, 42, 72, 96))
    assert bigger.centre == (130, 90)


def test_mirroring_moves_the_box_with_the_face() -> None:
    picture = photo(LIVE)
    picture[:, :30] = 7
    flipped, box = robustness.mirrored(picture, Box(0, 30, 30, 80))
    x, y, w, h = (int(value) for value in (box.x, box.y, box.w, box.h))
    assert (flipped[y : y + h, x : x + w] == 7).all()


def test_an_even_picture_scores_the_same_wherever_the_box_is(tmp_path: Path) -> None:
    manifest = data_set(tmp_path, [("a", "", LIVE), ("a", "", DARK)], each=1)
    bundle, rows = brightness_bundle(tmp_path / "bundle"), manifests.read(manifest)
    (probe,) = robustness.probe_manifest(bundle, rows, OneFace(), root=tmp_path)  # one is too dark
    assert set(probe.scores) == {*NAMES, FLIP}
    assert probe.frame.score == pytest.approx(probe.scores[FLIP], abs=0.01)
    assert robustness.figures([probe])["met"]


def test_a_box_that_slides_off_the_light_changes_the_decision(tmp_path: Path) -> None:
    manifest = data_set(tmp_path, [("a", "", LIVE)], each=1)
    half = photo(215)
    half[:, : int(BOX.x + 0.4 * BOX.w)] = photo(40)[:, : int(BOX.x + 0.4 * BOX.w)]
    (tmp_path / "a-live-0-0.jpg").write_bytes(encode_jpeg(half, 95))
    bundle, rows = brightness_bundle(tmp_path / "bundle"), manifests.read(manifest)
    (probe,) = robustness.probe_manifest(bundle, rows, OneFace(), root=tmp_path)
    found = robustness.figures([probe])
    changed = {row["move"] for row in found["each"] if row["changed"]["errors"]}
    assert "20 % left" in changed
    assert "20 % right" not in changed
    assert found["each"][0]["changed"]["errors"] == 1
    assert not found["met"]


def test_shares_count_every_move_of_every_frame() -> None:
    probes = [_probe(0.9, n) for n in range(9)] + [_probe(0.9, 9, **{NAMES[2]: 0.1})]
    found = robustness.figures(probes, rules=RULES)
    assert (found["moves"]["changed"]["errors"], found["moves"]["changed"]["n"]) == (1, 80)
    assert found["each"][0]["move"] == NAMES[2]
    assert found["mirrored"]["changed"]["rate"] == 0
    assert found["met"]


def test_one_changed_frame_is_pooled_away_by_its_attempt() -> None:
    probes = [_probe(0.95, 0), _probe(0.95, 1), _probe(0.6, 2, **{FLIP: 0.4})]
    found = robustness.figures(probes, rules=RULES)
    assert found["mirrored"]["changed"]["errors"] == 1
    assert (
        found["mirrored"]["changed_sessions"]
        == robustness.figures([_probe(0.95, n) for n in range(3)], rules=RULES)["mirrored"][
            "changed_sessions"
        ]
    )


def test_leaving_a_frame_undecided_is_another_answer_and_lets_nobody_in() -> None:
    band = Threshold(0.5, "for tests", 9, 9, band=(0.3, 0.5))
    probes = [
        replace(probe, frame=probe.frame.by(band))
        for probe in (_probe(0.2, 0, **{FLIP: 0.4}), _probe(0.45, 1, **{FLIP: 0.6}), _probe(0.9, 2))
    ]
    mirrored = robustness.figures(probes, rules=RULES)["mirrored"]
    assert (mirrored["answers"]["errors"], mirrored["changed"]["errors"]) == (2, 1)


def test_attempts_are_made_of_the_same_frames_where_a_move_leaves_one_undecided() -> None:
    band = Threshold(0.5, "for tests", 9, 9, band=(0.3, 0.7))
    probes = [_probe(0.9, n, **({FLIP: 0.5} if n < 3 else {})) for n in range(6)]
    probes = [replace(probe, frame=probe.frame.by(band)) for probe in probes]
    mirrored = robustness.figures(probes, rules=RULES)["mirrored"]["changed_sessions"]
    assert (mirrored["errors"], mirrored["n"]) == (1, 2)


def test_too_many_mirrored_changes_miss_the_requirement() -> None:
    probes = [_probe(0.9, n) for n in range(30)] + [_probe(0.9, 30, **{FLIP: 0.1})]
    assert not robustness.figures(probes, rules=RULES)["met"]


def test_without_frames_nothing_is_met() -> None:
    found = robustness.figures([], rules=RULES)
    assert not found["met"]
    assert found["moves"]["changed"]["rate"] is None


def test_unreadable_frames_are_left_out(tmp_path: Path) -> None:
    manifest = data_set(tmp_path, [("a", "", LIVE)], each=2)
    (tmp_path / "a-live-0-0.jpg").write_bytes(np.zeros(50, np.uint8).tobytes())
    bundle, rows = brightness_bundle(tmp_path / "bundle"), manifests.read(manifest)
    assert len(robustness.probe_manifest(bundle, rows, OneFace(), root=tmp_path)) == 1
