"""Ctrl-C and SIGTERM: the step is finished, a checkpoint is left, and the way on is said."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from training.fas import loop
from training.fas.interrupt import Interrupted, Wishes
from training.tests.synthetic import data_set
from training.tests.toys import CROP, NET, Toy, fitter

ROOT = Path(__file__).resolve().parents[2]
ENDLESS = "--epochs 100000 --minutes 0 --batch 8 --samples-per-epoch 16 --size 32 --save-every 3600"


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_command_stops_with_a_checkpoint_and_says_how_to_go_on(
    tmp_path: Path, signum: int, status: int
) -> None:
    place = ["--data", str(data_set(tmp_path / "data", each=2)), "--out", str(tmp_path / "out")]
    chosen = ["--patches", "1.0", "--calibration-domains", "", "--device", "cpu", *ENDLESS.split()]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "train_fas", *place, *chosen],
        env=os.environ | {"LIVEGATE_VAR": str(tmp_path), "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert any(line.startswith("epoch 1/") for line in process.stdout)
    process.send_signal(signum)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == status, errors
    assert "last.pt" in errors
    assert "--resume continues exactly there" in errors
    saved = torch.load(tmp_path / "out" / loop.LAST, weights_only=True)
    assert saved["steps"] == 2 * saved["epoch"] + saved["batch"] > 0


def test_an_interrupt_leaves_a_checkpoint_that_can_be_used(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match="epoch 2, batch 1") as caught:
        fitter(tmp_path, Toy(stop=2)).run()
    assert caught.value.signum == signal.SIGINT
    assert loop.load_checkpoint(tmp_path / loop.LAST, NET, CROP)["steps"] == 3
    assert fitter(tmp_path).run(resume=True).exists()
    assert loop.load_checkpoint(tmp_path / loop.LAST, NET, CROP)["epoch"] == 3


@pytest.fixture
def listening() -> Iterator[None]:
    """A job that a script put into the background ignores Ctrl-C; these tests are about one that does not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listening")
def test_a_second_signal_acts_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), Wishes() as wishes:
        os.kill(os.getpid(), signal.SIGINT)
        assert wishes.caught == signal.SIGINT
        os.kill(os.getpid(), signal.SIGINT)


def test_signals_act_as_before_once_the_run_is_over() -> None:
    before = [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)]
    with Wishes():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)] == before
