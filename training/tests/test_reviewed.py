from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.utils.module_loading import import_string

from liveness import evidence, reviewing
from liveness.engine.crops import Box, CropSpec
from liveness.models import Attempt, Evidence
from liveness.tests.fakes import FakeEngine, ended_attempt, passed_attempt, spoof
from training import reviewed
from training.fas import data, readers
from training.fas.data import DataError
from training.fas.readers.prepare import Preparation
from training.tests.trees import Fixed

pytestmark = pytest.mark.django_db
FACE = Box(100, 80, 120, 140)


@pytest.fixture
def home(settings: Any, tmp_path: Path) -> Path:
    settings.VAR = tmp_path
    settings.LIVENESS_ATTEMPTS_PER_MINUTE = 100
    return tmp_path / "training"


def person(name: str, training: bool = True) -> Any:
    user = get_user_model().objects.create_user(name)
    consent(user, training)
    return user


def consent(user: Any, training: bool) -> None:
    """Through the portal's own service, which this app may only call by its name."""
    import_string("accounts.services.give_consent")(user=user, training=training)


def refused(user: Any, label: str = "screen") -> Attempt:
    """A refused attempt with two kept frames, labelled by a reviewer."""
    attempt = ended_attempt(FakeEngine([spoof(0.3), spoof(0.1)]), user=user)
    if label:
        reviewing.review_attempt(attempt=attempt, reviewer=None, label=label)
    return attempt


def export(folder: Path, *attempts: Attempt, **options: Any) -> reviewed.Report:
    options = {"detector": Fixed(FACE)} | options
    return reviewed.export_reviewed(folder, attempts or None, **options)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg")}


def test_reviewed_frames_become_a_manifest_that_training_reads(home: Path) -> None:
    alice = person("alice")
    refused(alice, "screen")
    refused(alice, "live")
    report = export(home / "set", domain="lobby")
    rows = data.read_manifest(report.manifest)
    assert {(row.live, row.species, row.domain, row.box) for row in rows} == {
        (False, "screen", "lobby", FACE),
        (True, "", "lobby", FACE),
    }
    assert {row.path for row in rows} == files(home / "set")
    kept = {
        evidence.open_frame(row) for row in Evidence.objects.filter(kind__in=Evidence.FULL_SIZE)
    }
    assert {(home / "set" / row.path).read_bytes() for row in rows} == kept
    assert (report.people, report.digest) == (1, data.digest(rows))


def test_copies_are_private_and_name_nobody(home: Path) -> None:
    alice = person("alice")
    refused(alice)
    report = export(home / "set")
    for path in (home / "set").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
    subjects = {row.subject for row in data.read_manifest(report.manifest)}
    assert subjects == {reviewed.subject_of(alice.pk)}
    assert "alice" not in report.manifest.read_text()


def test_two_people_have_two_pseudonyms_that_another_key_would_change(
    home: Path, settings: Any
) -> None:
    names = {reviewed.subject_of(1), reviewed.subject_of(2)}
    settings.SECRET_KEY = "another"
    assert len(names | {reviewed.subject_of(1), reviewed.subject_of(2)}) == 4


def test_only_what_consent_and_review_allow_is_copied(home: Path) -> None:
    alice = person("alice")
    refused(alice, "mask")
    refused(alice, "unusable")
    refused(alice, "")
    refused(None, "print")
    refused(person("bob", training=False), "live")
    passed = passed_attempt(user=alice)
    reviewing.review_attempt(attempt=passed, reviewer=None, label="live")
    report = export(home / "set")
    assert {row.species for row in data.read_manifest(report.manifest)} == {"mask"}
    assert report.left_out == {
        "unusable": 1,
        "no_account": 1,
        "no_consent": 1,
        "not_refused": 1,
    }


def test_without_anybody_to_ask_nothing_is_copied(home: Path, settings: Any) -> None:
    refused(person("alice"))
    settings.LIVEGATE_MAY_TRAIN = ""
    with pytest.raises(DataError, match="1 no_consent"):
        export(home / "set")


def test_a_caller_may_ask_somebody_else(home: Path) -> None:
    mine, other = refused(person("alice", training=False)), refused(person("bob"))
    report = export(home / "set", may_train=lambda attempt: attempt.pk == mine.pk)
    assert (report.people, report.left_out) == (1, {"no_consent": 1})
    assert other.pk.hex not in report.manifest.read_text()


def test_frames_below_the_quality_floor_are_left_out_and_counted(home: Path) -> None:
    refused(person("alice"))
    with pytest.raises(DataError, match="2 too_far"):
        export(home / "set", detector=Fixed(Box(100, 80, 30, 40)))


def test_a_frame_that_was_altered_is_left_out_and_counted(home: Path) -> None:
    attempt = refused(person("alice"))
    attempt.evidence.filter(kind="best").update(jpeg=b"altered")
    report = export(home / "set")
    assert (report.frames, report.left_out) == (1, {"unreadable": 1})


def test_an_attempt_whose_pictures_were_deleted_is_counted(home: Path) -> None:
    alice = person("alice")
    refused(alice).evidence.all().delete()
    refused(alice)
    assert export(home / "set").left_out == {"no_picture_kept": 1}


def test_the_same_attempts_give_the_same_digest_and_order(home: Path) -> None:
    alice = person("alice")
    attempts = [refused(alice, label) for label in ("live", "print")]
    one = export(home / "one", *attempts)
    other = export(home / "other", *reversed(attempts))
    assert one.digest == other.digest
    assert one.manifest.read_bytes() == other.manifest.read_bytes()


def test_an_export_leaves_nothing_of_the_one_before(home: Path) -> None:
    alice, bob = person("alice"), person("bob")
    refused(alice)
    refused(bob)
    export(home / "set")
    consent(bob, training=False)
    report = export(home / "set")
    assert {row.path for row in data.read_manifest(report.manifest)} == files(home / "set")
    consent(alice, training=False)
    with pytest.raises(DataError, match="2 no_consent"):
        export(home / "set")
    assert files(home / "set") == set()


def test_copies_lie_where_erasure_finds_them(home: Path, tmp_path: Path) -> None:
    refused(person("alice"))
    with pytest.raises(DataError, match="must lie below"):
        export(tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_with_something_else_is_refused(home: Path) -> None:
    refused(person("alice"))
    (home / "run-1").mkdir(parents=True)
    (home / "run-1" / "last.pt").write_bytes(b"x")
    with pytest.raises(DataError, match="something else"):
        export(home / "run-1")


def test_erasure_removes_one_person_from_every_folder(home: Path, settings: Any) -> None:
    alice, bob = person("alice"), person("bob")
    refused(alice)
    refused(bob)
    export(home / "one")
    export(home / "two")
    prepared = home / "prepared"
    source, crop, said = readers.read(home / "one"), CropSpec((1.0,), 32), list[str]()
    Preparation(source, prepared, Fixed(FACE), crop, copy=True, say=said.append).run()
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "rotated"
    assert reviewed.erase_copies(alice.pk) == 2 + 2 + 2 * 2
    assert reviewed.erase_copies(alice.pk) == 0
    for folder in ("one", "two", "prepared"):
        rows = data.read_manifest(home / folder / "manifest.csv")
        assert len(rows) == 2
        assert all((home / folder / row.path).is_file() for row in rows)
    assert (home / "one" / "manifest.csv").stat().st_mode & 0o777 == 0o600
    settings.SECRET_KEY = settings.SECRET_KEY_FALLBACKS[0]
    _nothing_names(home, reviewed.subject_of(alice.pk))


def _nothing_names(folder: Path, pseudonym: str) -> None:
    for path in folder.rglob("*"):
        assert pseudonym not in path.name
        assert not path.is_file() or pseudonym.encode() not in path.read_bytes()


def test_erasure_before_any_export_finds_nothing(home: Path) -> None:
    assert reviewed.erase_copies(1) == 0


@pytest.mark.parametrize("way", ["withdraw_consent", "delete_face", "delete_account"])
def test_copies_go_with_the_consent_the_face_or_the_account(
    home: Path, way: str, django_capture_on_commit_callbacks: Any
) -> None:
    alice, bob = person("alice"), person("bob")
    report = export(home / "set", refused(alice), refused(bob))
    with django_capture_on_commit_callbacks(execute=True):
        import_string(f"accounts.services.{way}")(user=alice)
    left = {row.subject for row in data.read_manifest(report.manifest)}
    assert left == {reviewed.subject_of(bob.pk)}


@pytest.mark.parametrize("purpose", ["training", "evidence"])
def test_copies_go_with_the_permission_to_train_or_to_keep_pictures(
    home: Path, purpose: str, django_capture_on_commit_callbacks: Any
) -> None:
    alice = person("alice")
    refused(alice)
    export(home / "set")
    with django_capture_on_commit_callbacks(execute=True):
        import_string("accounts.services.take_back")(user=alice, purpose=purpose)
    assert not files(home)


def test_the_command_says_what_it_copied_and_what_not(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reviewed, "YuNet", lambda: Fixed(FACE))
    refused(person("alice"))
    refused(person("bob", training=False))
    call_command("export_reviewed", "set")
    said = capsys.readouterr().out
    assert "2 frames of 1 person" in said
    assert "left out: 1" in said
    with pytest.raises(CommandError, match="below"):
        call_command("export_reviewed", "../elsewhere")
