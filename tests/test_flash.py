"""Faces in the simulated light of a screen, on public-domain portraits: small versions of `manage.py flash_benchmark`."""

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from liveness.engine import flash_benchmark, response
from liveness.engine.faces import YuNet
from liveness.engine.flash_benchmark import Sitter, measure, play, shortfalls, shrink
from liveness.engine.frames import decode, encode_jpeg
from liveness.engine.relight import Subject
from liveness.engine.response import Answer, Why
from portal.demo import clips

NAMES = ("obama-2012", "obama-2010", "biden-2010", "collins")


@pytest.fixture(scope="module")
def people() -> list[Sitter]:
    pictures = [decode(clips.live_clip(name, 1)[0]) for name in NAMES]
    return [shrink(picture, YuNet().detect(picture)[0].box) for picture in pictures]


def _answers(people: list[Sitter], subject: Subject, lux: float) -> list[Answer]:
    rng = np.random.default_rng(7)
    return [play(sitter, subject, lux, rng).evidence.answer for sitter in people]


def test_people_in_a_living_room_answer_correctly(people: list[Sitter]) -> None:
    line = measure(people, Subject.PERSON, 150, np.random.default_rng(2))
    assert line.auc >= 0.98
    assert (line.correct, line.chance) == (1.0, 0.0)
    assert shortfalls([line]) == []


def test_a_recording_of_another_attempt_answers_other_colours(people: list[Sitter]) -> None:
    assert _answers(people, Subject.RECORDING, 150) == [Answer.WRONG] * len(people)


def test_a_virtual_camera_that_knows_no_colours_does_not_answer(people: list[Sitter]) -> None:
    played = [
        play(sitter, Subject.VIRTUAL, 150, np.random.default_rng(n)).evidence
        for n, sitter in enumerate(people)
    ]
    assert {(evidence.answer, evidence.why) for evidence in played} == {
        (Answer.ABSTAIN, Why.TOO_WEAK)
    }


def test_the_sun_drowns_the_screen(people: list[Sitter]) -> None:
    assert set(_answers(people, Subject.PERSON, 20_000)) == {Answer.ABSTAIN}


def test_a_print_answers_too_which_is_why_the_network_has_to_see_it(people: list[Sitter]) -> None:
    assert Answer.CORRECT in _answers(people, Subject.PRINT, 150)


def test_a_broken_regression_is_noticed(
    people: list[Sitter], monkeypatch: pytest.MonkeyPatch
) -> None:
    blend = response._blend
    monkeypatch.setattr(response, "_blend", lambda at, starts: np.roll(blend(at, starts), 3, 1))
    line = measure(people, Subject.PERSON, 150, np.random.default_rng(2))
    assert line.auc < 0.9
    assert any("AUC" in trouble for trouble in shortfalls([line]))


def test_a_regression_that_takes_anything_is_noticed(
    people: list[Sitter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        response, "_shares", lambda quick, slow, blend, lights: np.full(len(lights), 0.9)
    )
    line = measure(people, Subject.RECORDING, 150, np.random.default_rng(2))
    assert any("other sequences" in trouble for trouble in shortfalls([line]))


@pytest.fixture
def manifest(people: list[Sitter], tmp_path: Path) -> Path:
    lines = ["path,label,frame,domain,x,y,w,h"]
    for n, sitter in enumerate(people[:2]):
        (tmp_path / f"{n}.jpg").write_bytes(encode_jpeg(sitter.picture))
        box = sitter.box
        lines.append(f"{n}.jpg,live,full,cam{n},{box.x},{box.y},{box.w},{box.h}")
    path = tmp_path / "manifest.csv"
    path.write_text("\n".join(lines))
    return path


def test_the_command_prints_a_line_for_each_light_and_attack(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = [(Subject.PERSON, 150), (Subject.RECORDING, 200)]
    monkeypatch.setattr(flash_benchmark, "plan", lambda: plan)
    out = StringIO()
    call_command("flash_benchmark", data=manifest, count=2, stdout=out)
    rows = out.getvalue().splitlines()
    assert [row.split()[0] for row in rows] == ["lux", "person", "recording", "Good"]


def test_the_command_fails_and_says_why_when_the_figures_fall_short(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flash_benchmark, "plan", lambda: [(Subject.PERSON, 150)])
    monkeypatch.setattr(response, "_blend", lambda at, starts: np.ones((len(at), len(starts) + 1)))
    with pytest.raises(CommandError, match="AUC"):
        call_command("flash_benchmark", data=manifest, count=2, stdout=StringIO())


def test_the_command_names_a_manifest_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("flash_benchmark", data=tmp_path / "none.csv", stdout=StringIO())
