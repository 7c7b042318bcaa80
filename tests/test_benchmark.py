"""What `manage.py benchmark` prints, and that it says where a ratio falls short. No figure is judged here."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from liveness.engine import benchmark
from liveness.engine.benchmark import LOOK, OURS, SEED, Report, Target, Timing
from liveness.engine.frames import encode_jpeg
from liveness.tests.bundles import make_bundle
from liveness.tests.engine.pictures import flat
from portal import page

STAGES = [LOOK, "decode", "detect", "quality", "crop", "score", "network", "embed", "match"]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def _run(*args: Any, **given: Any) -> str:
    out = StringIO()
    call_command("benchmark", *args, rounds=2, threads=2, stdout=out, **given)
    return out.getvalue()


def test_every_stage_is_timed_and_the_page_is_made_anew(bundle: Path, tmp_path: Path) -> None:
    file, document = tmp_path / "figures.json", tmp_path / "page.md"
    document.write_text("before\n<!-- benchmark -->\nold\n<!-- /benchmark -->\nafter\n")
    text = _run(bundle=bundle, json=file, page=document)
    found = json.loads(file.read_text())
    ours = [row for row in found["one_thread"] if row["pipeline"] == OURS]
    assert [row["stage"] for row in ours] == STAGES
    assert all(0 < row["p50"] <= row["p95"] <= row["p99"] for row in ours)
    parts = max(row["p50"] for row in ours[1:6])
    assert ours[0]["p50"] >= parts
    (together,) = found["many_threads"]
    assert (together["pipeline"], together["threads"]) == (OURS, 2)
    assert together["looks_per_second"] > 0
    assert found["ratios"]["embed"]["ratio"] > 0
    assert text.strip() in document.read_text()
    assert document.read_text().startswith("before\n<!-- benchmark -->\nOne thread")
    assert document.read_text().endswith("<!-- /benchmark -->\nafter\n")


def test_a_page_without_the_section_is_left_alone(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("<!-- benchmark -->\nno end\n")
    with pytest.raises(ValueError, match="no section benchmark"):
        page.rewrite(document, "benchmark", "new")
    assert document.read_text() == "<!-- benchmark -->\nno end\n"


def test_a_picture_without_a_face_is_refused(bundle: Path, tmp_path: Path) -> None:
    picture = tmp_path / "wall.jpg"
    picture.write_bytes(encode_jpeg(flat()))
    with pytest.raises(CommandError, match="no face"):
        _run(picture, bundle=bundle)


def test_missing_files_of_the_predecessor_are_named(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"detector\.onnx"):
        _run(bundle=bundle, seed=tmp_path)


def test_a_ratio_that_falls_short_is_said_in_words() -> None:
    report = Report(1, [Timing(OURS, LOOK, 4.0, 5, 6), Timing(SEED, LOOK, 10.0, 11, 12)])
    assert report.shortfalls() == ["one look: 0.40 of seed, at most 0.33 was promised"]
    report.timings[0] = Timing(OURS, LOOK, 3.0, 5, 6)
    assert report.shortfalls() == []


def test_with_check_it_ends_with_an_error(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    never = Target("score", (OURS, "score"), (OURS, "decode"), 0.0)
    monkeypatch.setattr(benchmark, "TARGETS", (never,))
    assert "| score: livegate / livegate |" in _run(bundle=bundle)
    with pytest.raises(CommandError, match="Too slow: score"):
        _run(bundle=bundle, check=True)


def test_a_match_occupies_one_thread(tmp_path: Path) -> None:
    """Several threads that wait for each other take a hundred times as long where other work goes on."""
    code = "import portal, numpy as np, os; np.linalg.qr(np.ones((256, 256)));"
    code += "print(len(os.listdir('/proc/self/task')))"
    if not Path("/proc/self/task").is_dir():
        pytest.skip("threads cannot be counted here: there is no /proc")
    environment = {k: v for k, v in os.environ.items() if "NUM_THREADS" not in k}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
