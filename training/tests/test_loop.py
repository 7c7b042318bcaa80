import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from training.fas import loop
from training.fas.progress import ProgressError
from training.fas.source import Batch
from training.tests.synthetic import store
from training.tests.toys import CROP, NET, Toy, batch, fitter


def history(folder: Path) -> list[dict[str, float]]:
    rows: list[dict[str, float]] = json.loads((folder / loop.HISTORY).read_text())
    return rows


def test_progress_is_said_once_an_epoch_with_the_time_left(tmp_path: Path) -> None:
    lines: list[str] = []
    fitter(tmp_path, epochs=2).run(say=lines.append)
    assert len(lines) == 2
    for word in ("loss", "accuracy", "samples/s", "min left"):
        assert all(word in line for line in lines)


def test_the_history_holds_the_figures_of_every_epoch(tmp_path: Path) -> None:
    fitter(tmp_path, calibration=store(8, seed=9), epochs=2).run()
    rows = history(tmp_path)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[1]["rate"] < rows[0]["rate"]
    assert all(0 <= row["auc"] <= 1 and row["samples_per_second"] > 0 for row in rows)


def test_time_ends_a_run_and_its_annealing(tmp_path: Path) -> None:
    run = fitter(tmp_path, epochs=1000, minutes=1e-4)
    run.run()
    assert loop.load_checkpoint(tmp_path / loop.LAST, NET, CROP)["epoch"] == 1
    assert run._rate(1.0) == pytest.approx(0)


def test_the_rate_rises_before_it_falls(tmp_path: Path) -> None:
    run = fitter(tmp_path, warmup=0.1)
    rates = [run._rate(progress) for progress in (0, 0.05, 0.1, 0.5, 0.9)]
    assert rates[0] < 0.02 < rates[1] < rates[2] > rates[3] > rates[4] > 0
    assert fitter(tmp_path, warmup=0.0)._rate(0) == pytest.approx(1)


def test_without_calibration_cameras_the_last_network_is_the_result(tmp_path: Path) -> None:
    best = fitter(tmp_path).run()
    saved, last = (loop.load_checkpoint(path, NET, CROP) for path in (best, tmp_path / loop.LAST))
    assert saved["epoch"] == last["epoch"] == 3
    assert all(torch.equal(saved["average"][k], last["average"][k]) for k in last["average"])
    assert history(tmp_path)[-1]["auc"] is None


def test_a_run_stops_early_when_the_calibration_cameras_see_no_gain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aucs = iter([0.8, 0.9, 0.85, 0.9, 0.99])
    monkeypatch.setattr(loop.Fitter, "_calibration_auc", lambda self, state: next(aucs))
    best = fitter(tmp_path, calibration=store(8, seed=9), epochs=9, patience=2).run()
    assert len(history(tmp_path)) == 4
    assert loop.load_checkpoint(best, NET, CROP)["best"] == 0.9


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    path = fitter(tmp_path, epochs=1).run()
    with pytest.raises(loop.CheckpointError, match="another network"):
        loop.load_checkpoint(path, replace(NET, activation="relu6"), CROP)
    with pytest.raises(loop.CheckpointError, match="another network"):
        loop.load_checkpoint(path, NET, replace(CROP, border="inside"))


def test_resuming_without_a_checkpoint_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(loop.CheckpointError, match="cannot be read"):
        fitter(tmp_path).run(resume=True)


class _Broken(Toy):
    """Gives what no loss can be computed of."""

    def batches(self, *place: int) -> "list[Batch]":  # type: ignore[override]
        rows = batch(0, 8, 1)
        return [rows._replace(inputs=rows.inputs * torch.nan)]


def test_a_loss_that_is_no_number_stops_the_run_in_words(tmp_path: Path) -> None:
    with pytest.raises(loop.FitError, match="lower --lr"):
        fitter(tmp_path, _Broken(), save_every=0).run()
    assert not (tmp_path / loop.LAST).exists()


def test_an_epoch_shorter_than_a_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(loop.FitError, match="holds no batch of 32"):
        fitter(tmp_path, batch=32).run()


def test_stored_frames_are_scored_as_probabilities(tmp_path: Path) -> None:
    run = fitter(tmp_path)
    state, frames = run._start(resume=False), store(8, seed=9)
    scores = loop.score_store(state.average.net, frames, CROP, batch=3)
    assert scores.shape == (8,)
    assert ((scores > 0) & (scores < 1)).all()
    assert np.allclose(scores, loop.score_store(state.average.net, frames, CROP), atol=1e-5)


def test_the_average_follows_the_network(tmp_path: Path) -> None:
    one, other = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    other.weight.data.fill_(3.0)
    other(torch.rand(4, 2))
    loop.Average(one, other).follow(0.75)
    torch.testing.assert_close(one.weight.data, torch.full((2,), 1.5))
    assert one.num_batches_tracked == 1


def test_half_precision_trains_on_a_processor_too(tmp_path: Path) -> None:
    fitter(tmp_path / "half", epochs=1, precision="bf16").run()
    fitter(tmp_path / "full", epochs=1).run()
    half, full = (history(tmp_path / name)[0]["loss"] for name in ("half", "full"))
    assert half == pytest.approx(full, rel=0.2)
    assert half != full


def test_figures_go_to_tensorboard_on_request(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )

    fitter(tmp_path, epochs=2, tensorboard=tmp_path / "board").run()
    events = EventAccumulator(str(tmp_path / "board")).Reload().Scalars("loss")
    assert [event.step for event in events] == [2, 4]


def test_a_missing_tensorboard_is_named_before_training_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(ProgressError, match="pip install tensorboard"):
        fitter(tmp_path, tensorboard=tmp_path / "board").run()
    assert not (tmp_path / loop.LAST).exists()


def test_a_bar_is_drawn_where_a_person_watches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.fas.progress._SECONDS_BETWEEN_FIGURES", 0.0)
    run = fitter(tmp_path, epochs=1)
    run.bar = True
    run.run()
    assert "epoch 1/1  50%" in capsys.readouterr().err
