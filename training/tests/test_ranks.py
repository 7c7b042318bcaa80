"""Two processes and one compute the same."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from training.fas import loop
from training.fas.ranks import DeviceError, Ranks, Statistics, joined
from training.tests.toys import fitter, saved

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two gloo processes, started as ``torchrun`` starts them: ``whole`` and ``resumed`` are the same run."""
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "training.tests.toys", str(folder)],
            env=os.environ | place | {"RANK": rank, "LOCAL_RANK": rank, "OMP_NUM_THREADS": "1"},
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    return folder


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one")
    fitter(folder, accumulate=2).run()
    return folder


def test_two_processes_have_the_losses_of_one_with_two_groups(two: Path, one: Path) -> None:
    histories = [json.loads((folder / loop.HISTORY).read_text()) for folder in (two / "whole", one)]
    for mine, theirs in zip(*histories, strict=True):
        for name in ("loss", "classification", "fourier", "teachers"):
            assert mine[name] == pytest.approx(theirs[name], abs=1e-5)


def test_batch_statistics_are_those_of_all_groups(two: Path, one: Path) -> None:
    mine, theirs = saved(two / "whole" / loop.LAST), saved(one / loop.LAST)
    names = [name for name in mine if "/model/" in name and "running" in name]
    assert len(names) > 50
    for name in names:
        torch.testing.assert_close(mine[name], theirs[name], atol=1e-4, rtol=1e-3)


def test_distributed_runs_resume_to_the_bit(two: Path) -> None:
    whole, resumed = (saved(two / name / loop.LAST) for name in ("whole", "resumed"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_one_group_is_not_two(one: Path, tmp_path: Path) -> None:
    fitter(tmp_path).run()
    mine, theirs = (json.loads((f / loop.HISTORY).read_text()) for f in (tmp_path, one))
    assert abs(mine[-1]["loss"] - theirs[-1]["loss"]) > 1e-4


def test_running_statistics_are_the_mean_over_the_groups() -> None:
    norm, rows = torch.nn.BatchNorm1d(2), torch.rand(2, 8, 2)
    statistics = Statistics(norm, 2, Ranks())
    for group in rows:
        norm(group)
        statistics.grouped()
    statistics.stepped()
    torch.testing.assert_close(norm.running_mean, 0.1 * rows.mean((0, 1)))


def test_a_batch_that_cannot_be_cut_is_refused(tmp_path: Path) -> None:
    with pytest.raises(loop.FitError, match="cannot be cut into 3 groups"):
        fitter(tmp_path, accumulate=3).run()
    with pytest.raises(loop.FitError, match="two faces in every group"):
        fitter(tmp_path, accumulate=8).run()


def test_a_device_that_is_not_there_is_said_so() -> None:
    with pytest.raises(DeviceError, match="no cuda:99"):
        Ranks().device("cuda:99")
    with pytest.raises(DeviceError, match="2 processes cannot share"):
        Ranks(0, 2).device("auto", (0, 1, 2))
    assert Ranks().device("cpu").type == "cpu"


def test_an_incomplete_environment_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(DeviceError, match="torchrun"), joined("cpu"):
        pass
