import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from liveness.engine import bundle as bundles
from training import services
from training.tests.synthetic import data_set

TINY = [
    "--epochs",
    "1",
    "--batch",
    "8",
    "--samples-per-epoch",
    "8",
    "--size",
    "32",
    "--minutes",
    "0",
]
ROOT = Path(__file__).resolve().parents[2]


def test_the_command_line_trains_a_bundle(tmp_path: Path) -> None:
    manifest, out = data_set(tmp_path / "data", each=2), io.StringIO()
    place = ["--data", str(manifest), "--out", str(tmp_path / "out")]
    call_command(
        "train_fas", *place, *TINY, "--scales", "1.5", "--calibration-domains", "c", stdout=out
    )
    made = bundles.load(tmp_path / "out" / "bundle")
    assert made.crop.scales == (1.5,)
    assert "epoch 1/1" in out.getvalue()


@pytest.mark.django_db
def test_a_queued_run_brings_its_own_data_and_options(tmp_path: Path, settings: object) -> None:
    settings.VAR = tmp_path / "var"  # type: ignore[attr-defined]
    options = {"epochs": 1, "batch": 8, "samples_per_epoch": 8, "size": 32, "scales": [1.0]}
    options |= {"minutes": 0, "calibration_domains": ["c"]}
    run = services.request_run(data=data_set(tmp_path / "data", each=2), options=options)
    call_command("train_fas", "--run", str(run.pk), stdout=io.StringIO())
    assert bundles.load(services.folder_of(run) / "bundle").crop.size == 32


def test_a_faulty_data_set_is_reported_in_words(tmp_path: Path) -> None:
    place = ["--data", str(tmp_path / "none.csv"), "--out", str(tmp_path)]
    with pytest.raises(CommandError, match=r"none\.csv cannot be read"):
        call_command("train_fas", *place)


def test_data_and_out_belong_together(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--data and --out"):
        call_command("train_fas", "--data", str(tmp_path))


def test_a_wrong_option_is_reported_in_words(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Scales"):
        call_command("train_fas", "--data", "d", "--out", "o", "--scales", "99")


@pytest.mark.django_db
def test_an_unknown_run_is_reported_in_words() -> None:
    with pytest.raises(CommandError, match="no training run 999"):
        call_command("train_fas", "--run", "999")


def test_torch_stays_out_of_everything_that_serves(tmp_path: Path) -> None:
    code = (
        "import sys, django; django.setup();"
        "import training.admin, training.tasks, training.services;"
        "import training.management.commands.train_fas;"
        "sys.exit('torch' in sys.modules)"
    )
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "LIVEGATE_VAR": str(tmp_path),
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, check=False)
    assert done.returncode == 0
