"""Scoring a labelled data set through the serving engine, the score file, and attempts made of frames."""

from dataclasses import replace
from pathlib import Path

import pytest

from liveness.engine import manifests
from liveness.engine.bundle import Bundle, Threshold
from liveness.engine.frames import encode_jpeg
from liveness.engine.manifests import ManifestError
from liveness.engine.session import SessionRules
from training import evaluation
from training.evaluation import ScoredFrame
from training.tests.evaluated import (
    DARK,
    LIVE,
    SPOOF,
    NoFace,
    OneFace,
    brightness_bundle,
    data_set,
    frames,
    photo,
    row,
)

RULES = SessionRules(judged=6, live=4, seconds=(1.0, 30.0), frames=240)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return brightness_bundle(tmp_path / "bundle")


def _score(bundle: Bundle, manifest: Path, gate: bool = True) -> list[ScoredFrame]:
    rows = manifests.read(manifest)
    return evaluation.score_manifest(bundle, rows, OneFace(), gate, manifest.parent)


def test_frames_are_scored_by_the_bundle_in_the_order_of_the_manifest(
    tmp_path: Path, bundle: Bundle
) -> None:
    manifest = data_set(tmp_path, [("a", "", LIVE), ("a", "print", SPOOF)], each=2)
    live, _, attack, _ = _score(bundle, manifest)
    assert (live.live, live.species, attack.live, attack.species) == (True, "", False, "print")
    assert live.score is not None
    assert attack.score is not None
    assert live.score > 0.9 > 0.1 > attack.score
    assert live.threshold == bundle.threshold.value


def test_a_frame_that_fails_the_gate_has_a_reason_and_no_score(
    tmp_path: Path, bundle: Bundle
) -> None:
    manifest = data_set(tmp_path, [("a", "", DARK)], each=1)
    (gated,) = _score(bundle, manifest)
    assert (gated.score, gated.reason, gated.damaged) == (None, "too_dark", False)


def test_without_the_gate_every_face_is_scored(tmp_path: Path, bundle: Bundle) -> None:
    manifest = data_set(tmp_path, [("a", "", DARK)], each=1)
    (scored,) = _score(bundle, manifest, gate=False)
    assert scored.score is not None


def test_a_missed_face_is_no_response_with_the_gate_and_stands_at_its_label_without(
    tmp_path: Path, bundle: Bundle
) -> None:
    manifest = data_set(tmp_path, [("a", "", LIVE)], each=1)
    rows = manifests.read(manifest)
    (missed,) = evaluation.score_manifest(bundle, rows, NoFace(), True, tmp_path)
    assert (missed.score, missed.reason) == (None, "no_face")
    (labelled,) = evaluation.score_manifest(bundle, rows, NoFace(), False, tmp_path)
    assert labelled.score is not None
    unlabelled = [{**rows[0], "x": ""}]
    (nothing,) = evaluation.score_manifest(bundle, unlabelled, NoFace(), False, tmp_path)
    assert nothing.reason == "no_face"


def test_another_persons_face_is_not_taken_for_the_labelled_one(
    tmp_path: Path, bundle: Bundle
) -> None:
    manifest = data_set(tmp_path, [("a", "", LIVE)], each=1)
    far = [{**manifests.read(manifest)[0], "x": "130", "w": "10", "h": "10"}]
    (missed,) = evaluation.score_manifest(bundle, far, OneFace(), True, tmp_path)
    assert missed.reason == "no_face"


def test_damaged_and_missing_files_are_frames_without_a_score(
    tmp_path: Path, bundle: Bundle
) -> None:
    manifest = data_set(tmp_path, [("a", "", LIVE)], each=3)
    cut = tmp_path / "a-live-0-0.jpg"
    cut.write_bytes(encode_jpeg(photo(LIVE))[:-200])
    (tmp_path / "a-live-0-1.jpg").unlink()
    first, second, third = _score(bundle, manifest)
    assert (first.reason, second.reason) == ("truncated", "missing")
    assert first.damaged
    assert second.damaged
    assert third.score is not None


def test_a_manifest_whose_pictures_are_all_elsewhere_is_refused(bundle: Bundle) -> None:
    rows = [row("a.jpg", "a")]
    with pytest.raises(ManifestError, match="None of the 1 frames can be read from /nowhere"):
        evaluation.score_manifest(bundle, rows, OneFace(), root=Path("/nowhere"))


def test_an_unknown_label_is_refused(bundle: Bundle) -> None:
    with pytest.raises(ManifestError, match=r"a\.jpg: label 'ghost'"):
        evaluation.score_manifest(bundle, [row("a.jpg", "a") | {"label": "ghost"}], OneFace())


def test_a_score_file_gives_back_what_was_written(tmp_path: Path) -> None:
    scored = frames("a", "", [0.1 + 0.2, None]) + frames("a", "print", [1 / 3])
    evaluation.write_scores(tmp_path / "s.csv", scored)
    assert evaluation.read_scores([tmp_path / "s.csv"]) == scored


def test_score_files_of_several_models_are_joined_and_keep_their_thresholds(tmp_path: Path) -> None:
    one = frames("a", "", [0.4])
    other = [replace(frame, threshold=0.3) for frame in frames("b", "", [0.4])]
    for name, scored in (("1.csv", one), ("2.csv", other)):
        evaluation.write_scores(tmp_path / name, scored)
    joined = evaluation.read_scores([tmp_path / "1.csv", tmp_path / "2.csv"])
    assert [t.accepted for t in evaluation.frame_trials(joined)] == [False, True]
    assert [t.accepted for t in evaluation.frame_trials(joined, 0.4)] == [True, True]


def test_a_frame_inside_the_band_is_decided_as_little_as_one_picture_is() -> None:
    band = Threshold(0.4, "for tests", 9, 9, band=(0.4, 0.6))
    scored = [frame.by(band) for frame in frames("a", "", [0.3, 0.4, 0.59, 0.6])]
    assert [t.accepted for t in evaluation.frame_trials(scored)] == [False, None, None, True]
    assert [t.score for t in evaluation.frame_trials(scored)] == [0.3, 0.4, 0.59, 0.6]
    assert [t.accepted for t in evaluation.frame_trials(scored, 0.5)] == [False, False, True, True]


def test_a_frame_in_two_score_files_is_refused(tmp_path: Path) -> None:
    for name in ("1.csv", "2.csv"):
        evaluation.write_scores(tmp_path / name, frames("a", "", [0.5]))
    with pytest.raises(ManifestError, match="count it once"):
        evaluation.read_scores([tmp_path / "1.csv", tmp_path / "2.csv"])


@pytest.mark.parametrize("score", ["1.5", "nan", "high"])
def test_an_impossible_score_is_refused_with_its_line(tmp_path: Path, score: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(f"path,domain,label,score\na.jpg,a,live,{score}\n")
    with pytest.raises(ManifestError, match=r"s\.csv, line 2"):
        evaluation.read_scores([path])


def test_scores_without_a_threshold_need_one(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("path,domain,label,score\na.jpg,a,live,0.5\n")
    scored = evaluation.read_scores([path])
    with pytest.raises(ManifestError, match="names no threshold"):
        evaluation.frame_trials(scored)
    assert evaluation.frame_trials(scored, 0.5)[0].accepted


def test_consecutive_frames_make_attempts_that_share_no_frame() -> None:
    scored = frames("a", "", [0.9] * 14)
    trials, left = evaluation.session_trials(scored, rules=RULES)
    assert [t.accepted for t in trials] == [True, True]
    assert left == 2


def test_an_attempt_is_decided_by_the_portals_rules_and_not_by_its_best_frame() -> None:
    scored = frames("a", "print", [0.02, 0.99, 0.02, 0.02, 0.99, 0.02])
    (trial,), _ = evaluation.session_trials(scored, rules=RULES)
    assert trial.accepted is False
    assert trial.species == "print"
    assert trial.score is not None
    assert 0.02 < trial.score < 0.99


def test_an_attempt_never_mixes_cameras_classes_or_species() -> None:
    scored = [
        *frames("a", "", [0.9] * 3),
        *frames("a", "print", [0.9] * 3),
        *frames("b", "", [0.9] * 3),
    ]
    assert evaluation.session_trials(scored, rules=RULES) == ([], 9)


def test_frames_that_are_not_judged_prolong_an_attempt() -> None:
    scored = frames("a", "", [None, None, *[0.9] * 6])
    (trial,), left = evaluation.session_trials(scored, rules=RULES)
    assert (trial.accepted, left) == (True, 0)


def test_a_tail_of_enough_frames_without_a_verdict_is_an_attempt_without_a_decision() -> None:
    trials, left = evaluation.session_trials(frames("a", "", [None] * 6), rules=RULES)
    assert [(t.accepted, t.score) for t in trials] == [(None, None)]
    assert left == 0
    assert evaluation.session_trials(frames("a", "", [None] * 5), rules=RULES) == ([], 5)


def test_an_attempt_gives_up_when_its_time_is_over() -> None:
    impatient = replace(RULES, seconds=(1.0, 2.0))
    trials, _ = evaluation.session_trials(frames("a", "", [None] * 13 + [0.9] * 6), rules=impatient)
    assert [t.accepted for t in trials] == [None, True]


def test_damaged_files_are_in_no_attempt() -> None:
    scored = frames("a", "", [0.9] * 6) + frames("b", "", [None] * 6, reason="truncated")
    trials, left = evaluation.session_trials(scored, rules=RULES)
    assert (len(trials), left) == (1, 0)


def test_the_order_of_paths_decides_which_frames_belong_together() -> None:
    scored = frames("a", "", [0.9] * 6 + [0.1] * 6)
    trials, _ = evaluation.session_trials(scored[::-1], rules=RULES)
    assert [t.accepted for t in trials] == [True, False]
