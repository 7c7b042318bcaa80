import io
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from liveness.engine.quality import Quality
from liveness.models import Attempt, Review
from liveness.tests.fakes import FakeEngine, ended_attempt, spoof, unclear

pytestmark = pytest.mark.django_db


def _said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    call_command("review", *words, "--as", "rita")
    return capsys.readouterr().out


def test_the_queue_is_listed_labelled_and_a_label_taken_back(
    reviewer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    far, near = (ended_attempt(FakeEngine(spoof(p)), claimed="ada") for p in (0.1, 0.6))
    listed = _said(capsys, "list")
    assert listed.index(str(near.pk)) < listed.index(str(far.pk))
    assert "0 of 2 reviewed" in listed
    assert "screen" in _said(capsys, "label", str(near.pk), "screen")
    assert str(near.pk) not in _said(capsys, "list")
    assert Review.objects.get().reviewer == reviewer
    assert str(near.pk) in _said(capsys, "undo")
    near.refresh_from_db()
    assert near.label == ""


def test_the_list_takes_the_queue_s_filters(
    reviewer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    ended_attempt(FakeEngine(spoof()), claimed="ada")
    grace = ended_attempt(FakeEngine(spoof()), claimed="grace")
    listed = _said(capsys, "list", "--who", "grace", "--order", "newest")
    assert listed.startswith(str(grace.pk))
    assert "1 in this view" in listed
    assert len(_said(capsys, "list", "--limit", "1").splitlines()) == 2
    with pytest.raises(CommandError, match="state"):
        _said(capsys, "list", "--state", "bogus")


def test_only_those_who_may_review_review(capsys: pytest.CaptureFixture[str]) -> None:
    get_user_model().objects.create_user("sam", is_staff=True)
    for name in ("sam", "nobody"):
        with pytest.raises(CommandError, match="may review"):
            call_command("review", "list", "--as", name)


def test_what_cannot_be_done_is_said_in_words(
    reviewer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    dark = ended_attempt(FakeEngine(unclear(Quality.TOO_DARK)))
    with pytest.raises(CommandError, match="quality floor"):
        _said(capsys, "label", str(dark.pk), "live")
    for name in (str(uuid4()), "no-id"):
        with pytest.raises(CommandError, match="no attempt"):
            _said(capsys, "label", name, "live")
    with pytest.raises(CommandError, match="no label to take back"):
        _said(capsys, "undo")
    assert Attempt.objects.get().label == ""


def test_a_file_of_labels_is_gone_through_whatever_single_lines_say(
    reviewer: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phone, person = (ended_attempt(FakeEngine(spoof(p))) for p in (0.1, 0.6))
    dark = ended_attempt(FakeEngine(unclear(Quality.TOO_DARK)))
    strange, file = uuid4(), tmp_path / "labels.csv"
    lines = [
        "# attempt, label",
        f"{phone.pk}, screen",
        "",
        f"{strange}, live",
        f"{dark.pk}, live",
        f"{person.pk} lives",
        "alone",
        f"{person.pk} live",
    ]
    file.write_text("\n".join(lines))
    with pytest.raises(CommandError) as caught:
        _said(capsys, "labels", str(file))
    said = str(caught.value).splitlines()
    assert said[-1] == "2 labelled, 0 of them as unusable. 4 not."
    assert [line.partition(":")[0] for line in said[:-1]] == [f"line {n}" for n in (4, 5, 6, 7)]
    assert "no attempt" in said[0]
    assert "quality floor" in said[1]
    assert "'lives'" in said[2]
    assert [Attempt.objects.get(pk=a.pk).label for a in (phone, dark, person)] == [
        "screen",
        "",
        "live",
    ]


def test_labels_come_from_the_standard_input_and_dark_pictures_can_be_set_aside(
    reviewer: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dark = ended_attempt(FakeEngine(unclear(Quality.TOO_DARK)))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{dark.pk} live\n"))
    assert "1 labelled, 1 of them as unusable." in _said(capsys, "labels", "-", "--unusable")
    dark.refresh_from_db()
    assert dark.label == "unusable"
    with pytest.raises(CommandError, match="cannot be read"):
        _said(capsys, "labels", "/no/such/file")
