from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from liveness.engine.crops import CropSpec
from training.fas import loop
from training.fas.batches import Recipe
from training.fas.nets import NetSpec
from training.tests.synthetic import store

CROP = CropSpec((1.0, 2.0), 32)
NET = NetSpec(patches=2, size=32)


def fitter(folder: Path, epochs: int = 2, **changes: float) -> loop.Fitter:
    options = loop.FitOptions(epochs=epochs, **changes)  # type: ignore[arg-type]
    recipe = Recipe(samples=16, batch=8)
    return loop.Fitter(store(), store(8, seed=9), CROP, NET, recipe, options, folder)


def weights(path: Path) -> dict[str, torch.Tensor]:
    saved: dict[str, torch.Tensor] = loop.load_checkpoint(path, NET, CROP)["average"]
    return saved


def test_a_resumed_run_ends_where_an_uninterrupted_one_ends(tmp_path: Path) -> None:
    fitter(tmp_path / "whole").run()
    half = fitter(tmp_path / "half")
    half.folder.mkdir()
    torch.manual_seed(half.options.seed)
    state = half._start(resume=False)
    half._epoch(state)
    state.done = 1
    half._save(state, loop.LAST)
    half.run(resume=True)
    whole, resumed = (weights(tmp_path / name / loop.LAST) for name in ("whole", "half"))
    for name in whole:
        torch.testing.assert_close(whole[name], resumed[name])


def test_progress_is_said_once_an_epoch_with_the_time_left(tmp_path: Path) -> None:
    lines: list[str] = []
    fitter(tmp_path).run(say=lines.append)
    assert len(lines) == 2
    assert all("loss" in line and "accuracy" in line and "min left" in line for line in lines)


def test_an_interrupt_leaves_a_checkpoint_that_can_be_used(tmp_path: Path) -> None:
    def interrupt(line: str) -> None:
        if line.startswith("epoch 1"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitter(tmp_path).run(say=interrupt)
    assert loop.load_checkpoint(tmp_path / loop.LAST, NET, CROP)["done"] == 1
    assert fitter(tmp_path).run(resume=True).exists()
    assert loop.load_checkpoint(tmp_path / loop.LAST, NET, CROP)["done"] == 2


def test_time_ends_a_run_and_its_annealing(tmp_path: Path) -> None:
    run = fitter(tmp_path, epochs=1000, minutes=1e-4)
    run.run()
    assert loop.load_checkpoint(tmp_path / loop.LAST, NET, CROP)["done"] == 1
    assert run._rate(1.0) == pytest.approx(0)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    path = fitter(tmp_path, epochs=1).run()
    with pytest.raises(loop.CheckpointError, match="another network"):
        loop.load_checkpoint(path, replace(NET, activation="relu6"), CROP)


def test_resuming_without_a_checkpoint_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(loop.CheckpointError, match="cannot be read"):
        fitter(tmp_path).run(resume=True)


def test_stored_frames_are_scored_as_probabilities(tmp_path: Path) -> None:
    run = fitter(tmp_path)
    state = run._start(resume=False)
    scores = loop.score_store(state.average.net, run.calibration, CROP, batch=3)
    assert scores.shape == (8,)
    assert ((scores > 0) & (scores < 1)).all()
    assert np.allclose(
        scores, loop.score_store(state.average.net, run.calibration, CROP), atol=1e-5
    )
