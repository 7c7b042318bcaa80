from pathlib import Path

import numpy as np
import pytest

from training.fas import data
from training.tests.synthetic import row, sample, write_manifest


def both(domain: str, **changes: object) -> list[data.Sample]:
    return [
        sample(domain, live, path=f"{domain}{changes.get('subject', '')}{live}.jpg", **changes)
        for live in (True, False)
    ]


def test_a_leak_between_splits_is_an_error() -> None:
    rows = [*both("a"), *both("c"), *both("a", split="dev", subject="7")]
    with pytest.raises(data.LeakError, match="domain a is in train and in dev"):
        data.split(rows, ["c"])


def test_a_person_in_two_splits_is_an_error() -> None:
    one, other = sample("a", subject="7"), sample("a", subject="7", path="b.jpg")
    with pytest.raises(data.LeakError, match="a"):
        data.check_disjoint({"train": [one], "dev": [other]})


def test_calibration_domains_are_not_trained_on() -> None:
    splits = data.split([*both("a"), *both("c"), *both("d", split="dev")], ["c"])
    assert {row.domain for row in splits.train} == {"a"}
    assert {row.domain for row in splits.calibration} == {"c"}
    assert {row.domain for row in splits.dev} == {"d"}


def test_a_dev_domain_cannot_be_used_for_calibration() -> None:
    with pytest.raises(data.DataError, match="calibration domains d"):
        data.split([*both("a"), *both("d", split="dev")], ["d"])


def test_a_split_without_attacks_is_an_error() -> None:
    with pytest.raises(data.DataError, match="calibration split needs"):
        data.split([*both("a"), sample("c")], ["c"])


def test_both_classes_are_drawn_equally_often() -> None:
    rows = [*both("a"), *(sample("b", path=f"{i}.jpg") for i in range(30))]
    weights = data.weights(rows)
    live = np.array([row.live for row in rows])
    assert weights[live].sum() == pytest.approx(0.5)
    assert weights[~live].sum() == pytest.approx(0.5)


def test_a_large_camera_does_not_drown_a_small_one() -> None:
    large = [sample("a", live, path=f"{i}{live}") for i in range(16) for live in (True, False)]
    small = [sample("b", live, path=f"b{live}") for live in (True, False)]
    weights = data.weights([*large, *small])
    assert weights[:32].sum() / weights[32:].sum() == pytest.approx(4.0)


def test_a_rare_species_is_not_drowned_by_a_frequent_one() -> None:
    screens = [sample("a", False, path=f"s{i}", species="screen") for i in range(16)]
    prints = [sample("a", False, path="p", species="print")]
    weights = data.weights([*screens, *prints, sample("a", True, path="live")])
    assert weights[:16].sum() / weights[16] == pytest.approx(4.0)


def test_teachers_are_fused_by_adding_their_logits(tmp_path: Path) -> None:
    taught = row("a.jpg", "a", True) | {"seed_logit": "1.5", "silentface_p": "0.5"}
    path = write_manifest(tmp_path / "m.csv", [taught])
    assert data.read_manifest(path)[0].teacher == pytest.approx(1.5)


def test_a_manifest_without_teachers_is_fine(tmp_path: Path) -> None:
    path = write_manifest(tmp_path / "m.csv", [row("a.jpg", "a", True)])
    assert data.read_manifest(path)[0].teacher is None


def test_an_unknown_label_names_its_line(tmp_path: Path) -> None:
    wrong = row("b.jpg", "a", True) | {"label": "perhaps"}
    path = write_manifest(tmp_path / "m.csv", [row("a.jpg", "a", True), wrong])
    with pytest.raises(data.DataError, match="line 3"):
        data.read_manifest(path)


def test_a_missing_manifest_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(data.DataError, match="cannot be read"):
        data.read_manifest(tmp_path / "none.csv")


def test_a_limit_holds_for_each_domain_and_class(tmp_path: Path) -> None:
    rows = [row(f"{i}.jpg", "ab"[i % 2], i % 4 < 2) for i in range(16)]
    assert len(data.read_manifest(write_manifest(tmp_path / "m.csv", rows), limit=2)) == 8


def test_the_digest_follows_the_rows_and_not_their_order() -> None:
    rows = both("a")
    assert data.digest(rows) == data.digest(reversed(rows))
    assert data.digest(rows) != data.digest([rows[0], sample("a", live=False, species="print")])


def test_an_empty_box_is_no_box_and_half_a_box_is_an_error(tmp_path: Path) -> None:
    none = row("a.jpg", "a", True) | {"x": "", "y": "", "w": "", "h": ""}
    assert data.read_manifest(write_manifest(tmp_path / "m.csv", [none]))[0].box is None
    path = write_manifest(tmp_path / "m.csv", [none | {"x": "4"}])
    with pytest.raises(data.DataError, match="line 2"):
        data.read_manifest(path)


def test_a_written_manifest_reads_back_as_it_was(tmp_path: Path) -> None:
    rows = [*both("a"), sample("b", path="ü, 1.jpg", box=None, frame="crop", subject="7")]
    data.write_manifest(tmp_path / "m.csv", [(row, 160, 160) for row in rows])
    assert data.read_manifest(tmp_path / "m.csv") == tuple(rows)


def test_a_private_file_is_private_from_its_first_byte(tmp_path: Path) -> None:
    data.replace_file(tmp_path / "f", b"old")
    data.replace_file(tmp_path / "f", b"new", 0o600)
    assert (tmp_path / "f").read_bytes() == b"new"
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_the_same_picture_in_two_splits_is_a_leak_that_names_both(tmp_path: Path) -> None:
    rows = [*both("a"), *both("c"), *both("d", split="dev")]
    for n, each in enumerate(rows):
        (tmp_path / each.path).write_bytes(b"%d" % n)
    data.split(rows, ["c"], tmp_path)
    (tmp_path / "dTrue.jpg").write_bytes(b"1")
    with pytest.raises(data.LeakError, match=r"aFalse\.jpg in train and dTrue\.jpg in dev"):
        data.split(rows, ["c"], tmp_path)
