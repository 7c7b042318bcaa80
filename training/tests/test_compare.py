"""What `manage.py compare_fas` prints, and that every model gets the same faces."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from liveness.engine import bundle as bundles
from liveness.engine.bundle import BundleError
from liveness.engine.crops import Box
from liveness.engine.frames import Picture
from liveness.tests.bundles import make_bundle
from training import compare
from training.fas.data import DataError, read_manifest
from training.fas.flops import Cost
from training.fas.nets import NetSpec
from training.predecessors import Scorer
from training.tests.synthetic import BOX, NoFaces, data_set, sample

ROOT = Path(__file__).resolve().parents[2]


class Grid:
    """Knows the synthetic attacks by their white columns; its first ``error`` verdicts are wrong."""

    size, threshold, cost = 1500, 0.5, Cost(2_000_000, 30_000)

    def __init__(self, name: str, error: int = 0) -> None:
        self.name, self.error = name, error
        self.seen: list[tuple[float, Box]] = []

    def cut(self, picture: Picture, box: Box) -> Picture:
        self.seen.append((float(picture.mean()), box))
        return picture

    def judge(self, patches: Picture) -> float:
        live = patches[:, ::4].mean() - patches[:, 2::4].mean() < 50
        wrong = len(self.seen) - 1 in range(1, self.error + 1)
        return float(live != wrong)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data_set(tmp_path_factory.mktemp("data"), each=3)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def command(manifest: Path, **options: Any) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("compare_fas", data=manifest, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def compared(manifest: Path, *scorers: Scorer) -> compare.Comparison:
    samples = compare.select(read_manifest(manifest), ["d"], None)
    return compare.run(scorers, manifest, samples, NoFaces(), lambda line: None)


def test_a_bundle_gets_a_line_of_figures_from_the_dev_split(manifest: Path, bundle: Path) -> None:
    out, err = command(manifest, bundles=[bundle])
    assert "3 bona fide frames and 3 attacks of 1 domain(s), 0 skipped" in out
    cells = [part.strip() for part in _line(out, "| constant-0.99 |").split("|")[1:-1]]
    assert cells[1:3] == ["–", "–"]
    assert cells[4:7] == ["50.0% at 0.700", "0.5000", "50.0%"]
    assert cells[7:9] == ["not supported by n"] * 2
    assert 0 < float(cells[9]) <= float(cells[10])
    assert "6/6 frames" in err


def test_the_table_and_the_figures_go_to_files(
    manifest: Path, bundle: Path, tmp_path: Path
) -> None:
    table, figures = tmp_path / "new" / "table.md", tmp_path / "figures.json"
    out, _ = command(manifest, bundles=[bundle, bundle], out=table, json=figures, domains="a, b")
    assert table.read_text(encoding="utf-8") in out
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert (found["bona_fide"], found["domains"]) == (6, ["a", "b"])
    assert [row["bytes"] for row in found["rows"]] == 2 * [
        bundles.load(bundle).manifest["model"]["bytes"]
    ]


def test_every_scorer_sees_every_face_once_and_a_warm_up(manifest: Path) -> None:
    first, second = Grid("first"), Grid("second")
    compared(manifest, first, second)
    assert first.seen == second.seen
    assert len(first.seen) == 6 + 1
    assert {box for _, box in first.seen} == {BOX}


def test_figures_follow_from_the_scores(manifest: Path) -> None:
    found = compared(manifest, Grid("right"), Grid("wrong", error=6))
    right, wrong = found.rows
    assert (right["accuracy"]["rate"], right["auc"], right["eer"]) == (1, 1, 0)
    assert (wrong["accuracy"]["rate"], wrong["auc"], wrong["eer_by_domain"]) == (0, 0, {"d": 1})
    assert "| right | 2.0 | 0.030 M | 2 kB | 100.0% at 0.500 |" in compare.markdown(found)


def test_enough_attacks_support_a_true_positive_rate() -> None:
    rows = [sample(live=True), *[sample(live=False)] * 299]
    entry = compare.Entry(Grid("x"), [0.9] + [0.1] * 299, [1e-3] * 300, [2e-3] * 300)
    row = compare._row(entry, rows)
    assert row["tpr_at_fpr"]["0.01"]["rate"] == 1
    assert row["tpr_at_fpr"]["0.001"] is None
    assert (row["ms_network"], row["ms_face"]) == pytest.approx((2, 3))


def test_a_damaged_frame_is_said_and_counted(tmp_path: Path, bundle: Path) -> None:
    manifest = data_set(tmp_path / "data", each=2)
    (tmp_path / "data" / "d" / "0.jpg").write_bytes(b"no picture")
    out, err = command(manifest, bundles=[bundle])
    assert "1 skipped" in out
    assert "skipped d/0.jpg" in err


def test_frames_that_cannot_be_read_at_all_end_in_one_error(tmp_path: Path, bundle: Path) -> None:
    manifest = data_set(tmp_path / "data", each=1)
    for path in (tmp_path / "data" / "d").iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(CommandError, match="No frame of one class could be read"):
        command(manifest, bundles=[bundle])


def test_a_manifest_entry_gives_the_cost_of_its_network() -> None:
    entry = NetSpec(size=32).as_dict() | {"parameters": 1}
    cost = compare.cost_of(entry)
    assert cost is not None
    assert cost.macs > 0
    assert compare.cost_of(None) is None


@pytest.mark.parametrize(
    "entry", [{"arch": "other"}, ["arch"], {"arch": "minifasnet_v2", "size": "x"}]
)
def test_an_unknown_network_is_refused(entry: Any) -> None:
    with pytest.raises(BundleError, match="network is unknown here"):
        compare.cost_of(entry)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Give --bundles, --predecessors"),
        ({"bundles": [Path("nowhere")]}, r"nowhere/manifest\.json cannot be read"),
        ({"predecessors": Path("nowhere")}, "neither a folder seed"),
    ],
)
def test_missing_folders_are_named(manifest: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        command(manifest, **options)


def test_a_damaged_bundle_is_refused(manifest: Path, bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(b"altered")
    with pytest.raises(CommandError, match="damaged or altered"):
        command(manifest, bundles=[bundle])


def test_a_domain_without_rows_is_named(manifest: Path, bundle: Path) -> None:
    with pytest.raises(CommandError, match="no rows of cam99"):
        command(manifest, bundles=[bundle], domains="a,cam99")
    with pytest.raises(CommandError, match="no rows of a in split dev"):
        command(manifest, bundles=[bundle], domains="a", split="dev")


def test_one_class_alone_cannot_be_compared() -> None:
    with pytest.raises(DataError, match="bona fide frames and attacks"):
        compare.select([sample(live=True)], [], None)


def test_torch_waits_until_a_comparison_starts() -> None:
    code = "import sys, training.management.commands.compare_fas; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def _line(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(start))
