from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from accounts import evaluation
from accounts.evaluation import Gallery
from accounts.management.commands import measure_matching
from liveness.engine import frames
from liveness.tests.fakes import person

PEOPLE = 12
PICTURES = 3


def embed(picture: frames.Picture) -> np.ndarray:
    """Stands in for a network: the grey of the picture is the number of the person."""
    number = round(float(picture.mean()) / 20)
    noisy = person(number) + 0.02 * np.random.default_rng(picture.sum()).normal(size=128)
    return np.asarray(noisy / np.linalg.norm(noisy), dtype=np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(PEOPLE):
        (tmp_path / f"person_{number}").mkdir()
        for n in range(PICTURES):
            grey = np.full((112, 112, 3), 20 * number, np.uint8)
            grey[:8, :8] = rng.integers(0, 60)
            picture = frames.encode_jpeg(grey)
            (tmp_path / f"person_{number}" / f"{n:04d}.jpg").write_bytes(picture)
    rows = [f"1,1,person_{n}/0000.jpg,person_{n}/0001.jpg" for n in range(PEOPLE)]
    (tmp_path / "pairs.csv").write_text("\n".join(["fold,same,a,b", *rows]))
    return tmp_path


def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.setattr(measure_matching, "_embedder", lambda: embed)
    out, progress = StringIO(), StringIO()
    call_command("measure_matching", lfw=folder, stdout=out, stderr=progress)
    return out.getvalue(), progress.getvalue()


def test_the_command_prints_thresholds_and_true_accept_rates(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, progress = run(folder, monkeypatch)
    assert "36 pictures, 594 impostor pairs" in report
    assert "TAR 100.00% of 12 genuine pairs" in report
    assert "embedded 36 of 36" in progress


def test_a_rate_that_the_pairs_cannot_show_is_not_invented(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, _ = run(folder, monkeypatch)
    assert "FMR 1e-05: too few pairs to measure" in report


def test_a_threshold_keeps_its_rate_over_all_pairs() -> None:
    gallery = random_gallery()
    for rate, threshold in evaluation.thresholds(gallery, (0.1, 0.01)).items():
        cosines = all_impostors(gallery)
        assert threshold is not None
        assert np.mean(cosines >= threshold) <= rate
        assert np.mean(cosines >= threshold - 1e-3) > rate - 1 / len(cosines)


def test_blocks_do_not_change_the_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluation.thresholds(random_gallery(), (0.01,))
    monkeypatch.setattr(evaluation, "_BLOCK", 7)
    assert evaluation.thresholds(random_gallery(), (0.01,)) == pytest.approx(whole, abs=1e-5)


def test_one_person_is_not_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure_matching, "_embedder", lambda: embed)
    with pytest.raises(CommandError, match="fewer than two people"):
        call_command("measure_matching", lfw=tmp_path)


def random_gallery() -> Gallery:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(60, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    people = np.repeat(np.arange(20), 3).astype(np.int64)
    return Gallery(tuple(f"{n}.jpg" for n in range(60)), people, vectors)


def all_impostors(gallery: Gallery) -> np.ndarray:
    first, second = np.triu_indices(len(gallery.people), 1)
    different = gallery.people[first] != gallery.people[second]
    cosines = (gallery.embeddings @ gallery.embeddings.T)[first, second]
    return np.asarray(cosines[different])
