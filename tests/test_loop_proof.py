"""How the loop's proof cuts its data and judges itself; the loop itself is run by `make loop-proof`."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosedOK

from liveness.engine import bundle
from liveness.engine.crops import Box
from liveness.engine.faces import Face
from liveness.engine.fas import LivenessModel
from portal.demo.client import VisitError
from portal.proof import __main__ as proof
from portal.proof import holdout, judging
from portal.proof.holdout import Clip
from portal.proof.judging import Camera
from portal.proof.people import Person, Shown
from portal.proof.steps import Loop
from training import origins, plots
from training.tests.synthetic import data_set


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return data_set(tmp_path / "data", each=41)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_what_is_shown_is_neither_in_the_base_nor_judged(manifest: Path, tmp_path: Path) -> None:
    data = holdout.cut(manifest, "a", tmp_path / "cut")
    assert {row["domain"] for row in rows(data.base)} == {"b", "c", "d"}
    base, kept = ({row["path"] for row in rows(path)} for path in (data.base, data.benchmark))
    assert len(kept) == 50
    assert not base & kept
    judged = rows(data.judged)
    assert {row["domain"] for row in judged} == {"a"}
    assert sorted(row["label"] for row in judged) == ["live"] * 21 + ["spoof"] * 21
    assert len(data.clips) == len({clip.still for clip in data.clips}) == 40
    assert not {str(clip.still) for clip in data.clips} & {row["path"] for row in judged}
    jpegs = list(data.clips[0].jpegs())
    assert len(set(jpegs)) == len(jpegs) == len(holdout.MOVES)
    assert {clip.label for clip in data.clips} - {"live"} <= {"screen", "print", "mask", "mixed"}


def people(manifest: Path, names: str) -> None:
    """Call the people of camera a so, one after the other, over and over in each class."""
    found = rows(manifest)
    for label in ("live", "spoof"):
        mine = [row for row in found if (row["domain"], row["label"]) == ("a", label)]
        for number, row in enumerate(mine):
            row["subject"] = names[number % len(names)].strip()
    with manifest.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(found[0]))
        writer.writeheader()
        writer.writerows(found)


def test_nobody_is_shown_and_judged_where_people_are_named(manifest: Path, tmp_path: Path) -> None:
    people(manifest, "12345")
    data = holdout.cut(manifest, "a", tmp_path / "cut")
    subjects = {row["path"]: row["subject"] for row in rows(manifest)}
    shown = [subjects[clip.still.relative_to(manifest.parent).as_posix()] for clip in data.clips]
    judged = [row["subject"] for row in rows(data.judged)]
    assert (set(shown), set(judged)) == ({"1", "3", "5"}, {"2", "4"})
    assert len(shown) + len(judged) == 82


@pytest.mark.parametrize("names", ["1", "1   "])
def test_frames_are_parted_where_people_are_too_few(
    manifest: Path, tmp_path: Path, names: str
) -> None:
    people(manifest, names)
    data = holdout.cut(manifest, "a", tmp_path / "cut")
    assert (len(data.clips), len(rows(data.judged))) == (40, 42)


def face(x: float, y: float, width: float) -> Face:
    return Face(Box(x, y, width, width), 0.9)


@pytest.mark.parametrize(
    ("others", "part"),
    [
        ([], (0, 0, 600, 400)),
        ([face(400, 150, 90)], (0, 0, 350, 400)),  # 300 to 400: cut at 350
        ([face(60, 150, 80)], (170, 0, 600, 400)),
        ([face(210, 10, 80)], (0, 120, 600, 400)),
        ([face(400, 150, 90), face(20, 150, 100), face(210, 330, 60)], (160, 0, 350, 290)),
        ([face(400, 150, 49)], (0, 0, 600, 400)),  # far away: it counts for the portal neither
        ([face(280, 150, 90)], (0, 0, 600, 400)),  # overlaps
    ],
)
def test_a_still_is_cut_so_that_one_person_is_alone_in_it(
    others: list[Face], part: tuple[int, int, int, int]
) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    left, top, right, bottom = part
    wanted = picture[top:bottom, left:right]
    mine = face(200, 150, 100)
    assert np.array_equal(holdout.alone(picture, [*others, mine], mine.box), wanted)
    assert np.array_equal(holdout.alone(picture, [mine, *others], None), wanted)


def test_a_still_without_a_face_stays_as_it_is() -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    assert holdout.alone(picture, [], Box(1, 1, 9, 9)) is picture


def test_paths_are_good_from_anywhere(manifest: Path, tmp_path: Path) -> None:
    data = holdout.cut(manifest, "a", tmp_path / "cut")
    assert all(Path(row["path"]).is_file() for row in rows(data.base) + rows(data.judged))


def test_portraits_are_bona_fide_faces_of_no_camera(manifest: Path, tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(b"x")
    assert holdout.cut(manifest, "a", tmp_path / "cut").portraits is None
    data = holdout.cut(manifest, "a", tmp_path / "cut", folder)
    assert data.portraits is not None
    found = rows(data.portraits)
    assert [Path(row["path"]).name for row in found] == ["0.jpg", "1.jpg", "2.jpg"]
    assert {(row["domain"], row["label"], row["x"]) for row in found} == {("portraits", "live", "")}
    with pytest.raises(ValueError, match="no JPEG files"):
        holdout.cut(manifest, "a", tmp_path / "cut", tmp_path / "cut")


def test_only_large_cameras_of_both_classes_are_compared(manifest: Path, tmp_path: Path) -> None:
    few = data_set(tmp_path / "few", each=12)
    with pytest.raises(ValueError, match="No other camera"):
        holdout.cut(few, "a", tmp_path / "cut")
    data = holdout.cut(manifest, "a", tmp_path / "cut")
    assert {row["domain"] for row in rows(data.others)} == {"b", "c", "d"}


def test_a_camera_that_is_not_there_is_refused(manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too few frames of both classes"):
        holdout.cut(manifest, "z", tmp_path / "cut")


def test_no_champion_has_learnt_from_the_camera_that_it_is_named_after() -> None:
    champions = sorted(proof.CHAMPIONS.iterdir())
    assert "cam18" in [folder.name for folder in champions]
    for folder in champions:
        seen = origins.seen_by(folder / "start.npz")
        assert seen
        assert folder.name not in seen
        LivenessModel(bundle.load(folder))


def test_a_camera_without_a_champion_is_named(
    manifest: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["proof", "--data", str(manifest), "--camera", "a"])
    assert proof.main() == 1
    assert "Name one that never saw a with --champion" in capsys.readouterr().out


def camera(name: str, before: float, after: float) -> Camera:
    return Camera(name, before, after, 60, 60)


def test_a_fall_by_half_and_no_rise_keeps_the_promise() -> None:
    others = [camera("b", 0.04, 0.045), camera("c", 0.1, 0.02)]
    assert judging.shortfalls(camera("a", 0.2, 0.1), others) == []


@pytest.mark.parametrize(
    ("mine", "other", "words"),
    [
        ((0.2, 0.11), (0.0, 0.0), "a falls from 20.0% to 11.0% only."),
        ((0.2, 0.05), (0.02, 0.03), "b rises from 2.0% to 3.0%."),
    ],
)
def test_what_was_not_kept_is_said(
    mine: tuple[float, float], other: tuple[float, float], words: str
) -> None:
    assert judging.shortfalls(camera("a", *mine), [camera("b", *other)]) == [words]


def test_the_picture_says_in_words_what_it_shows() -> None:
    plot = plots.before_and_after([("a", 0.2, 0.05), ("b", 0.0, 0.0)])
    assert plot.png.startswith(b"\x89PNG")
    assert "a 20 % to 5 %" in plot.alt.replace("\u00a0", " ")


class _Reviews:
    """A site that keeps what it was told to label."""

    def __init__(self) -> None:
        self.labels = ""

    def manage(self, *command: str) -> str:
        review, labels, file, *rest = command
        assert (review, labels, *rest) == ("review", "labels", "--unusable", "--as", "reviewer")
        self.labels = Path(file).read_text()
        return "2 labelled, 1 of them as unusable.\n"


def test_every_attempt_is_labelled_as_what_it_was_and_the_count_is_said() -> None:
    site: Any = _Reviews()
    said: list[str] = []
    shown = [Shown("1", "fail", "screen"), Shown("2", "abstain", "live")]
    nothing: Any = None
    Loop(site, nothing, say=said.append, shown=shown).review()
    assert site.labels == "1 screen\n2 live\n"
    assert said == ["   2 labelled, 1 of them as unusable."]


class _Socket:
    """A visitor whose capture ends in turn as ``ends`` say."""

    def __init__(self, *ends: Any) -> None:
        self.ends = list(ends)

    def get(self, path: str) -> None:
        assert path == "/account/face/capture/"

    def capture(self, page: None, clip: Any) -> Any:
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end


def test_a_capture_that_breaks_off_is_begun_anew(tmp_path: Path) -> None:
    clip, person = Clip("print", tmp_path / "still.jpg", None), Person("http://127.0.0.1:1")
    verdict = {"type": "verdict", "verdict": "fail", "attempt": "7"}
    person._visitor = _Socket(ConnectionClosedOK(None, None), verdict)  # type: ignore[assignment]
    assert person.show(clip) == Shown("7", "fail", "print", broken=1)
    busy = {"type": "error", "code": "busy"}
    person._visitor = _Socket(busy, busy, busy)  # type: ignore[assignment]
    with pytest.raises(VisitError, match=r"broke off 3 times.*busy"):
        person.show(clip)
