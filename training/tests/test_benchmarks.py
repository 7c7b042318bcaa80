"""A frozen benchmark stays what it was, or is refused."""

import csv
from pathlib import Path

import pytest

from training import benchmarks
from training.benchmarks import BenchmarkError
from training.tests.bright import make_manifest

pytestmark = pytest.mark.django_db


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return make_manifest(tmp_path / "frames")


def _with_subjects(manifest: Path, subject: str) -> None:
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"subject": subject} for row in rows)


def test_a_benchmark_keeps_counts_and_digests(manifest: Path) -> None:
    frozen = benchmarks.freeze(name="webcams", manifest=manifest)
    assert (frozen.counts["bona_fide"], frozen.counts["attacks"]) == (120, 240)
    assert frozen.counts["cameras"] == {"one": 180, "two": 180}
    assert len(frozen.files) == 360
    assert len(benchmarks.check(frozen)) == 360


def test_one_split_alone_can_be_frozen(manifest: Path) -> None:
    frozen = benchmarks.freeze(name="dev", manifest=manifest, split="dev")
    assert {row["split"] for row in benchmarks.check(frozen)} == {"dev"}


def test_a_changed_frame_is_named(manifest: Path) -> None:
    frozen = benchmarks.freeze(name="webcams", manifest=manifest)
    (manifest.parent / "one-live-3.jpg").write_bytes(b"another picture")
    with pytest.raises(BenchmarkError, match=r"one-live-3\.jpg changed since"):
        benchmarks.check(frozen)


def test_a_changed_manifest_is_refused(manifest: Path) -> None:
    frozen = benchmarks.freeze(name="webcams", manifest=manifest)
    manifest.write_text(manifest.read_text().replace("spoof", "live", 1))
    with pytest.raises(BenchmarkError, match="has changed"):
        benchmarks.check(frozen)


def test_a_frame_that_is_gone_is_named(manifest: Path) -> None:
    (manifest.parent / "one-live-3.jpg").unlink()
    with pytest.raises(BenchmarkError, match="cannot be read"):
        benchmarks.freeze(name="webcams", manifest=manifest)


def test_a_person_in_train_and_benchmark_is_refused(manifest: Path) -> None:
    _with_subjects(manifest, "ada")
    with pytest.raises(BenchmarkError, match="in the train split as well"):
        benchmarks.freeze(name="webcams", manifest=manifest, split="dev")


def test_a_name_is_taken_once(manifest: Path) -> None:
    benchmarks.freeze(name="webcams", manifest=manifest)
    with pytest.raises(BenchmarkError, match="already"):
        benchmarks.freeze(name="webcams", manifest=manifest)


def test_nothing_to_freeze_is_refused(manifest: Path) -> None:
    with pytest.raises(BenchmarkError, match="less than 30"):
        benchmarks.freeze(name="none", manifest=manifest, split="test")
