"""A run that was stopped anywhere and continued ends as one that was not."""

from pathlib import Path

import pytest
import torch

from training.fas import loop
from training.fas.checkpoints import CheckpointError
from training.tests.toys import fitter, interrupted, saved


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six steps in three epochs, without a break."""
    folder = tmp_path_factory.mktemp("whole")
    fitter(folder).run()
    return folder


def equal(one: Path, other: Path) -> bool:
    first, second = saved(one), saved(other)
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("stop", [0, 2, 3, 5])
def test_stopped_at_any_step_it_ends_with_the_same_weights_to_the_bit(
    whole: Path, tmp_path: Path, stop: int
) -> None:
    interrupted(tmp_path, stop)
    assert len(saved(whole / loop.LAST)) > 300
    assert equal(whole / loop.LAST, tmp_path / loop.LAST)
    assert equal(whole / loop.BEST, tmp_path / loop.BEST)


def test_the_history_is_that_of_the_uninterrupted_run(whole: Path, tmp_path: Path) -> None:
    interrupted(tmp_path, 3)
    histories = [
        torch.load(folder / loop.LAST, weights_only=True)["history"] for folder in (whole, tmp_path)
    ]
    names = ("epoch", "loss", "classification", "fourier", "teachers", "accuracy", "rate")
    one, other = ([[row[name] for name in names] for row in rows] for rows in histories)
    assert one == other


def test_groups_one_after_the_other_resume_to_the_bit_too(tmp_path: Path) -> None:
    fitter(tmp_path / "whole", accumulate=2).run()
    interrupted(tmp_path / "resumed", 3, accumulate=2)
    assert equal(tmp_path / "whole" / loop.LAST, tmp_path / "resumed" / loop.LAST)


def test_another_seed_ends_with_other_weights(whole: Path, tmp_path: Path) -> None:
    fitter(tmp_path, seed=2).run()
    assert not equal(whole / loop.LAST, tmp_path / loop.LAST)


def test_a_run_with_other_options_is_not_continued(tmp_path: Path) -> None:
    fitter(tmp_path, epochs=1).run()
    with pytest.raises(CheckpointError, match=r"lr was 0\.002 and is 0\.1; seed was 1 and is 2"):
        fitter(tmp_path, epochs=1, rate=0.1, seed=2).run(resume=True)
    with pytest.raises(CheckpointError, match="data was None and is 'other'"):
        fitter(tmp_path, epochs=1, bound={"data": "other"}).run(resume=True)


def test_a_finished_run_may_be_given_more_epochs(tmp_path: Path) -> None:
    fitter(tmp_path, epochs=1).run()
    fitter(tmp_path, epochs=2).run(resume=True)
    assert torch.load(tmp_path / loop.LAST, weights_only=True)["epoch"] == 2


@pytest.mark.parametrize(("content", "words"), [(b"", "damaged"), (b"PK\x03\x04half", "damaged")])
def test_a_damaged_checkpoint_is_said_to_be_damaged(
    tmp_path: Path, content: bytes, words: str
) -> None:
    (tmp_path / loop.LAST).write_bytes(content)
    with pytest.raises(CheckpointError, match=words):
        fitter(tmp_path).run(resume=True)


def test_a_full_disk_stops_the_run_and_leaves_the_earlier_checkpoint(tmp_path: Path) -> None:
    fitter(tmp_path, epochs=1).run()
    before = (tmp_path / loop.LAST).read_bytes()
    (tmp_path / f"{loop.LAST}.part").symlink_to("/dev/full")
    with pytest.raises(CheckpointError, match=r"No space left.*earlier last\.pt is intact"):
        fitter(tmp_path, epochs=2).run(resume=True)
    assert (tmp_path / loop.LAST).read_bytes() == before
    assert not (tmp_path / f"{loop.LAST}.part").is_symlink()
    fitter(tmp_path, epochs=2).run(resume=True)


def test_checkpoints_are_written_between_the_ends_of_epochs(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="power cut"):
        fitter(tmp_path, save_every=0, epochs=1).run(say=_fail)
    assert torch.load(tmp_path / loop.LAST, weights_only=True)["steps"] == 2


def _fail(line: str) -> None:
    raise RuntimeError("power cut")
