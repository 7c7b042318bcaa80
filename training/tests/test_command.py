import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from liveness.engine import bundle as bundles
from training import services
from training.management.commands import train_fas
from training.options import Options
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


def chosen(*arguments: str) -> Options:
    """The options that a command line means."""
    command = train_fas.Command()
    parser = command.create_parser("manage.py", "train_fas")
    given = vars(parser.parse_args(["--data", "d", "--out", "o", *arguments]))
    return command._plan(given)[2]


def test_the_recipe_is_on_the_command_line() -> None:
    line = (
        "--lr 0.01 --weight-decay 0.1 --ema 0.9 --warmup 0.2 --fourier-weight 2 --teacher-weight 3"
    )
    line += " --dropout 0.4 --mixup 0.7 --mixed 0.1 --distil 0.6 --simulate 0.3 --activation prelu"
    line += " --accumulate 2 --patience 5 --precision bf16 --save-every 9 --border inside"
    line += " --device cpu --tensorboard runs"
    found = chosen(*line.split())
    assert (found.lr, found.weight_decay, found.ema, found.warmup) == (0.01, 0.1, 0.9, 0.2)
    assert (found.fourier_weight, found.teacher_weight, found.dropout) == (2, 3, 0.4)
    assert (found.mixup, found.mixed, found.distil, found.simulate) == (0.7, 0.1, 0.6, 0.3)
    assert (found.activation, found.accumulate, found.patience) == ("prelu", 2, 5)
    assert (found.precision, found.save_every, found.border) == ("bf16", 9, "inside")
    assert (found.device, found.tensorboard) == ("cpu", "runs")


def test_what_is_not_given_keeps_its_default() -> None:
    assert chosen() == Options()


def test_patches_have_two_names_for_the_same() -> None:
    assert chosen("--patches", "1.0, 2.7") == chosen("--scales", "1.0,2.7")
    assert chosen("--scales", "1.0,2.7").scales == (1.0, 2.7)


@pytest.mark.parametrize(
    "words",
    [
        ["--patch_info", "1_80x80,2.7_80x80"],
        ["--patch_info", "1_80x80", "--patch-info", "2.7_80x80"],
    ],
)
def test_patches_may_be_given_as_the_names_of_their_folders(words: list[str]) -> None:
    assert (chosen(*words).scales, chosen(*words).size) == ((1.0, 2.7), 80)


def test_patches_are_given_one_way_at_a_time() -> None:
    with pytest.raises(CommandError, match="either --patch_info or"):
        chosen("--patch_info", "1_80x80", "--patches", "1.0")


def test_several_devices_need_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert chosen("--device_ids", "0,1").devices == (0, 1)
    with pytest.raises(CommandError, match="torchrun --nproc_per_node 2 "):
        call_command("train_fas", "--data", "d", "--out", "o", "--device_ids", "0,1")


def test_a_device_that_is_not_there_is_reported_in_words(tmp_path: Path) -> None:
    place = ["--data", str(data_set(tmp_path / "data", each=2)), "--out", str(tmp_path / "out")]
    with pytest.raises(CommandError, match="no cuda:77"):
        call_command(
            "train_fas", *place, *TINY, "--calibration-domains", "c", "--device", "cuda:77"
        )


def test_a_step_is_timed_beside_the_published_recipe() -> None:
    code = (
        "import sys; from django.core.management import execute_from_command_line as run;"
        "run(['manage.py', 'train_fas', '--measure-throughput', '--batch', '4', '--size', '32'])"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()
    assert [row.split("  ")[0] for row in rows] == [
        "ours",
        "Silent-Face's recipe",
        "the same, and memory is kept",
    ]
    assert "times as fast" in rows[1]


def test_a_faulty_data_set_is_reported_in_words(tmp_path: Path) -> None:
    place = ["--data", str(tmp_path / "none.csv"), "--out", str(tmp_path)]
    with pytest.raises(CommandError, match=r"none\.csv does not exist"):
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
