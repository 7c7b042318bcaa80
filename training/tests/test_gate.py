"""What the gate lets in and what it refuses, and the words it says it in."""

from pathlib import Path

import numpy as np
import pytest

from liveness.engine import bundle as bundles
from liveness.engine import manifests
from training import gate
from training.gate import Margins, Proof, Verdict
from training.tests.bright import BLIND, make_bright_bundle, make_manifest


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of two cameras and the champion that sees most of them rightly."""
    folder = tmp_path_factory.mktemp("world")
    make_manifest(folder)
    make_bright_bundle(folder / "champion", name="champion")
    return folder


def _judge(world: Path, candidate: Path, margins: Margins | None = None) -> Verdict:
    return gate.judge(
        candidate, world / "champion", [world / "manifest.csv"], margins, detector=BLIND
    )


def _row(verdict: Verdict, figure: str) -> dict[str, object]:
    rows = verdict.report["proofs"][0]["rows"]
    return next(row for row in rows if row["figure"] == figure)


def test_a_candidate_that_is_no_worse_passes(world: Path, tmp_path: Path) -> None:
    make_bright_bundle(tmp_path, gain=41.0)
    verdict = _judge(world, tmp_path)
    assert (verdict.passed, verdict.reasons) == (True, [])
    assert _row(verdict, "BPCER")["difference"] == 0.0


def test_a_sabotaged_candidate_is_refused_with_the_reason_in_words(
    world: Path, tmp_path: Path
) -> None:
    make_bright_bundle(tmp_path, gain=-40.0)
    verdict = _judge(world, tmp_path)
    assert not verdict.passed
    words = " ".join(verdict.reasons)
    assert "print: APCER rises from 10.0 % to 90.0 % (95 %: +" in words
    assert "BPCER rises from 10.0 % to 90.0 %" in words
    assert "more than the margin of 1 point" in words
    assert "one: EER rises" in words
    assert verdict.report["proofs"][0]["rows"][0]["verdict"] == "worse"


def test_a_candidate_that_refuses_more_of_the_living_is_refused(
    world: Path, tmp_path: Path
) -> None:
    make_bright_bundle(tmp_path, threshold=0.985)
    verdict = _judge(world, tmp_path)
    assert not verdict.passed
    assert any("BPCER rises" in reason for reason in verdict.reasons)
    assert not any("APCER" in reason for reason in verdict.reasons)


def test_a_wide_margin_lets_the_same_candidate_in(world: Path, tmp_path: Path) -> None:
    make_bright_bundle(tmp_path, threshold=0.985)
    assert _judge(world, tmp_path, Margins(rate=0.9)).passed


def test_forgetting_an_old_benchmark_is_refused(world: Path, tmp_path: Path) -> None:
    """The candidate is far better on a camera that is new, and lost the old ones on the way."""
    new = make_manifest(tmp_path / "new", cameras=("three",), lift=0.15)
    make_bright_bundle(tmp_path / "candidate", threshold=0.992)
    old = world / "manifest.csv"
    proofs = [
        Proof(name, path.parent, manifests.read(path))
        for name, path in (("old", old), ("new", new))
    ]
    found = gate.judge(tmp_path / "candidate", world / "champion", proofs, detector=BLIND)
    assert not found.passed
    assert any(reason.startswith("old: BPCER rises") for reason in found.reasons)
    gained = {row["figure"]: row for row in found.report["proofs"][1]["rows"]}
    assert gained["APCER, print"]["verdict"] == "better"


def test_without_a_benchmark_nothing_is_proven(world: Path, tmp_path: Path) -> None:
    make_bright_bundle(tmp_path)
    verdict = gate.judge(tmp_path, world / "champion", [], detector=BLIND)
    assert not verdict.passed
    assert "nothing to prove it on" in verdict.reasons[0]
    assert "models freeze" in verdict.reasons[0]


def test_a_threshold_that_was_never_calibrated_is_refused(world: Path, tmp_path: Path) -> None:
    make_bright_bundle(tmp_path, calibrated_on=0)
    assert "was not calibrated" in _judge(world, tmp_path).reasons[0]


def test_a_truncated_candidate_is_refused(world: Path, tmp_path: Path) -> None:
    make_bright_bundle(tmp_path)
    model = tmp_path / "model.onnx"
    model.write_bytes(model.read_bytes()[:-10])
    assert "The candidate cannot be used" in _judge(world, tmp_path).reasons[0]


def test_broken_golden_vectors_are_refused(world: Path, tmp_path: Path) -> None:
    bundle = make_bright_bundle(tmp_path)
    wrong = np.asarray(1 - bundle.golden.p_live, np.float32)
    golden = type(bundle.golden)(bundle.golden.patches, wrong, bundle.golden.tolerance)
    bundles.write(tmp_path, bundle.model, bundle.manifest, golden)
    assert "golden vectors" in _judge(world, tmp_path).reasons[0]


def test_a_champion_that_cannot_be_loaded_is_a_refusal(world: Path, tmp_path: Path) -> None:
    make_bright_bundle(tmp_path / "candidate")
    found = gate.judge(
        tmp_path / "candidate", tmp_path / "none", [world / "manifest.csv"], detector=BLIND
    )
    assert "The champion cannot be used" in found.reasons[0]


def test_frames_that_the_candidate_learnt_from_are_left_out(world: Path, tmp_path: Path) -> None:
    rows = manifests.read(world / "manifest.csv")
    trained = frozenset((world / row["path"]).resolve() for row in rows if row["split"] == "train")
    make_bright_bundle(tmp_path)
    proof = Proof("half known", world, rows, trained)
    found = gate.judge(tmp_path, world / "champion", [proof], detector=BLIND)
    facts = found.report["proofs"][0]
    assert (facts["trained"], facts["bona_fide"]) == (120, 80)


def test_frames_that_were_all_learnt_from_prove_nothing(world: Path, tmp_path: Path) -> None:
    rows = manifests.read(world / "manifest.csv")
    trained = frozenset((world / row["path"]).resolve() for row in rows)
    make_bright_bundle(tmp_path)
    proof = Proof("known", world, rows, trained)
    found = gate.judge(tmp_path, world / "champion", [proof], detector=BLIND)
    assert "proves nothing" in found.reasons[0]


def test_the_same_frames_give_the_same_report(world: Path, tmp_path: Path) -> None:
    make_bright_bundle(tmp_path, gain=30.0, threshold=0.6)
    assert _judge(world, tmp_path).report == _judge(world, tmp_path).report


def test_a_missing_frame_is_counted(world: Path, tmp_path: Path) -> None:
    rows = [*manifests.read(world / "manifest.csv"), {"path": "gone.jpg", "domain": "one"}]
    rows[-1] |= {"label": "live"}
    make_bright_bundle(tmp_path)
    found = gate.judge(tmp_path, world / "champion", [Proof("x", world, rows)], detector=BLIND)
    assert found.report["proofs"][0]["skipped"] == 1
