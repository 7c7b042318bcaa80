from pathlib import Path

import pytest

from training.fas import data
from training.fas.data import Sample
from training.tests.synthetic import sample

DOMAINS = "abced"


@pytest.fixture
def rows() -> list[Sample]:
    """Both classes of five cameras; d is dev."""
    return [
        sample(domain, live, path=f"{domain}{live}.jpg", split="dev" if domain == "d" else "train")
        for domain in DOMAINS
        for live in (True, False)
    ]


def domains(part: tuple[Sample, ...]) -> str:
    return "".join(sorted({row.domain for row in part}))


def test_each_camera_is_judged_once_by_what_all_others_teach(rows: list[Sample]) -> None:
    made = [(name, domains(s.train), domains(s.dev)) for name, s in data.folds(rows, ["a", "b"])]
    assert made == [("a", "bce", "a"), ("b", "ace", "b")]


def test_cameras_can_be_held_out_together(rows: list[Sample]) -> None:
    [(name, splits)] = data.folds(rows, ["a+b"])
    assert (name, domains(splits.train), domains(splits.dev)) == ("a+b", "ce", "ab")


def test_dev_rows_never_train_but_can_be_judged(rows: list[Sample]) -> None:
    made = dict(data.folds(rows, ["a", "d"]))
    assert domains(made["a"].train) == "bce"
    assert domains(made["a"].dev) == "a"
    assert domains(made["d"].train) == "abce"
    assert domains(made["d"].dev) == "d"


def test_calibration_cameras_do_not_train_and_give_way_when_they_are_judged(
    rows: list[Sample],
) -> None:
    made = dict(data.folds(rows, ["a", "c"], ["b", "c"]))
    assert domains(made["a"].calibration) == "bc"
    assert domains(made["c"].calibration) == "b"
    assert domains(made["c"].train) == "ae"


def test_a_fold_needs_no_calibration(rows: list[Sample]) -> None:
    [(_, splits)] = data.folds(rows, ["a"])
    assert splits.calibration == ()


def test_a_fold_without_the_calibration_it_was_promised_is_an_error(rows: list[Sample]) -> None:
    with pytest.raises(data.DataError, match="calibration split needs"):
        list(data.folds(rows, ["c"], ["c"]))


def test_an_unknown_camera_is_an_error(rows: list[Sample]) -> None:
    with pytest.raises(data.DataError, match="No rows for the domains x, y"):
        list(data.folds(rows, ["a+x"], ["y"]))


def test_a_fold_that_leaves_one_class_to_train_is_an_error(rows: list[Sample]) -> None:
    with pytest.raises(data.DataError, match="train split needs"):
        list(data.folds([*rows[:2], rows[2]], ["a"]))


def test_a_camera_with_train_and_dev_rows_is_a_leak(rows: list[Sample]) -> None:
    mixed = [*rows, sample("b", path="other.jpg", split="dev")]
    with pytest.raises(data.LeakError, match="domain b is in train and in dev"):
        list(data.folds(mixed, ["a"]))


def test_a_file_of_two_cameras_is_a_leak(rows: list[Sample]) -> None:
    twice = [*rows, sample("b", path="aTrue.jpg")]
    with pytest.raises(data.LeakError, match=r"path aTrue\.jpg is in train and in held out"):
        list(data.folds(twice, ["a"]))


def test_the_same_picture_under_two_names_is_a_leak(rows: list[Sample], tmp_path: Path) -> None:
    for row in rows:
        (tmp_path / row.path).write_bytes(row.path.encode())
    assert len(list(data.folds(rows, ["a", "b"], root=tmp_path))) == 2
    (tmp_path / "cTrue.jpg").write_bytes(b"aTrue.jpg")
    with pytest.raises(data.LeakError, match=r"cTrue\.jpg in train and aTrue\.jpg in held out"):
        list(data.folds(rows, ["a"], root=tmp_path))
