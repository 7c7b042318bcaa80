import errno
import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from liveness.models import Attempt, Evidence
from training import freezing, prepared, reviewed, services, supervision
from training.fas import data
from training.models import TrainingRun
from training.tests.site import CAMERA, FACE, consent, crowd, labelled, person
from training.tests.synthetic import row, write_manifest
from training.tests.trees import Fixed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(settings: Any, tmp_path: Path) -> Path:
    settings.VAR = tmp_path / "var"
    settings.LIVENESS_ATTEMPTS_PER_MINUTE = 1000
    return settings.VAR / "training"


def base(folder: Path, *domains: str) -> Path:
    folder.mkdir(parents=True)
    rows = [row(f"{name}-{live}.jpg", name, live) for name in domains for live in (True, False)]
    return write_manifest(folder / "manifest.csv", rows)


def request(tmp_path: Path, **values: Any) -> TrainingRun:
    known: dict[str, Any] = {"data": base(tmp_path / "a", "cam1", "cam2"), "reviewed": True}
    values = known | values
    return services.request_run(options={"calibration_domains": []}, **values)


def made(run: TrainingRun) -> Path:
    return prepared.prepare(run, Fixed(FACE))


def test_data_sets_and_reviewed_attempts_become_one_manifest(tmp_path: Path) -> None:
    attempts = crowd()
    said: list[str] = []
    manifest = prepared.prepare(request(tmp_path), Fixed(FACE), said.append)
    rows = data.read_manifest(manifest)
    assert said == [f"{2 * len(attempts)} reviewed frames of 10 people copied."]
    site = [row for row in rows if row.domain.startswith("site-lobby-cam-320x240")]
    assert {row.domain for row in rows} - {row.domain for row in site} == {"cam1", "cam2"}
    assert len(site) == 2 * len(attempts)
    assert all((manifest.parent / row.path).is_file() for row in site)
    assert all(Path(row.path).is_absolute() for row in rows if row not in site)


def test_part_of_the_people_is_kept_to_be_judged_and_no_split_leaks(tmp_path: Path) -> None:
    crowd()
    rows = data.read_manifest(made(request(tmp_path)))
    parts = {part: tuple(row for row in rows if row.split == part) for part in ("train", "dev")}
    data.check_disjoint(parts)
    people = {part: {row.subject for row in rows} - {""} for part, rows in parts.items()}
    assert len(people["train"]) + len(people["dev"]) == 10
    assert 1 <= len(people["dev"]) <= 9
    assert {row.domain for row in parts["dev"]} == {"site-lobby-cam-320x240-benchmark"}


def test_of_two_people_one_is_judged_and_of_one_nobody(tmp_path: Path) -> None:
    first = labelled(person("alice"))
    assert freezing.held_out([first]) == frozenset()
    assert len(freezing.held_out([first, labelled(person("bob"))])) == 1


def test_chance_does_not_keep_more_people_than_that_from_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempts = crowd(10)
    users = list(dict.fromkeys(attempt.user_id for attempt in attempts))
    names = {user: f"{n:032x}" for n, user in enumerate(users)}  # chance would keep all of them
    monkeypatch.setattr(reviewed, "subject_of", names.__getitem__)
    assert freezing.held_out(attempts) == {names[user] for user in users[:3]}


def test_whoever_was_trained_on_is_never_judged_later(tmp_path: Path, settings: Any) -> None:
    alone = labelled(person("alice"))
    made(request(tmp_path))
    later = freezing.held_out([alone, *crowd(6)])
    assert later
    assert reviewed.subject_of(alone.user_id) not in later
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [settings.SECRET_KEY]
    assert reviewed.subject_of(alone.user_id) not in freezing.held_out(Attempt.objects.all())


def test_ids_and_a_digest_are_frozen_when_the_run_is_requested(tmp_path: Path) -> None:
    attempts = crowd(2)
    run = request(tmp_path)
    assert {row["id"] for row in run.attempts} == {str(attempt.pk) for attempt in attempts}
    labelled(person("late"))
    manifest = made(run)
    assert len({row.subject for row in data.read_manifest(manifest)} - {""}) == 2
    again = services.request_run(
        data=tmp_path / "a" / "manifest.csv", options={}, reviewed=[a.pk for a in attempts]
    )
    assert again.data_digest == run.data_digest
    more = services.request_run(data=tmp_path / "a" / "manifest.csv", options={}, reviewed=True)
    assert more.data_digest != run.data_digest


def test_the_manifest_is_private_and_its_digest_is_kept(tmp_path: Path) -> None:
    crowd(2)
    run = request(tmp_path)
    manifest = made(run)
    run.refresh_from_db()
    assert run.copies_digest == hashlib.sha256(manifest.read_bytes()).hexdigest()
    assert manifest.stat().st_mode & 0o077 == 0
    assert manifest.parent.stat().st_mode & 0o077 == 0
    assert made(run) == manifest


@pytest.mark.parametrize("what", ["consent", "label", "evidence", "attempt", "camera"])
def test_a_run_whose_attempts_changed_before_it_began_is_refused(tmp_path: Path, what: str) -> None:
    attempts = crowd(3)
    run = request(tmp_path)
    changed = Attempt.objects.filter(pk=attempts[0].pk)
    if what == "consent":
        consent(attempts[0].user, training=False)
    if what == "label":
        changed.update(label="unusable")
    if what == "camera":
        changed.update(camera="Another")
    if what == "evidence":
        Evidence.objects.filter(attempt=attempts[0]).delete()
    if what == "attempt":
        changed.delete()
    with pytest.raises(services.RequestError, match="may no longer be used"):
        made(run)
    _no_copies(run)


def test_who_withdraws_while_copies_are_made_is_not_in_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = crowd(3)
    run = request(tmp_path)
    write = data.replace_file

    def withdraw_then_write(*args: Any) -> None:
        consent(attempts[0].user, training=False)
        reviewed.erase_copies(attempts[0].user_id)
        write(*args)

    monkeypatch.setattr(prepared, "replace_file", withdraw_then_write)
    with pytest.raises(services.RequestError, match="may no longer be used"):
        made(run)
    _no_copies(run)


def test_an_erasure_takes_a_person_out_of_the_run_and_the_run_may_not_go_on(tmp_path: Path) -> None:
    attempts = crowd(3)
    run = request(tmp_path)
    manifest = made(run)
    name = reviewed.subject_of(attempts[0].user_id)
    boxes = manifest.parent / "boxes.json"
    boxes.write_text(
        f'{{"reviewed/frames/{name}-1-best-1.jpg": [1, 2, 3, 4], "a.jpg": [1, 2, 3, 4]}}'
    )
    assert reviewed.erase_copies(attempts[0].user_id) == 4
    for path in manifest.parent.rglob("*"):
        assert name not in path.name
        assert not path.is_file() or name.encode() not in path.read_bytes()
    assert "a.jpg" in boxes.read_text()
    with pytest.raises(services.RequestError, match="were erased"):
        made(run)
    _no_copies(run)


def test_a_full_disk_while_copies_are_made_leaves_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(3)
    run = request(tmp_path)
    write, left = data.replace_file, [3]

    def full(path: Path, content: bytes, mode: int = 0o644) -> None:
        left[0] -= 1
        if left[0] < 0:
            path.with_name(f".{path.name}.part").write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, content, mode)

    monkeypatch.setattr(data, "replace_file", full)
    with pytest.raises(OSError, match="No space left"):
        made(run)
    _no_copies(run)
    assert run.copies_digest == ""


def test_copies_go_with_a_run_that_failed_or_was_cancelled_and_stay_with_one_that_is_done(
    tmp_path: Path,
) -> None:
    crowd(2)
    runs = [request(tmp_path)]
    again = tmp_path / "a" / "manifest.csv"
    runs += [services.request_run(data=again, options={}, reviewed=True) for _ in range(3)]
    for run in runs:
        made(run)
    services.cancel_run(runs[0].pk)
    services.fail_run(services.claim_run(runs[1].pk), "it failed")
    services.finish_run(services.claim_run(runs[2].pk), bundle=tmp_path, result={})
    assert sorted(prepared.sweep()) == sorted(f"run-{run.pk}" for run in runs[:2])
    assert [bool(_copies(run)) for run in runs] == [False, False, True, True]


def test_two_data_sets_with_the_same_camera_are_refused(tmp_path: Path) -> None:
    other = base(tmp_path / "b", "cam2")
    run = request(tmp_path, base=[other], reviewed=False)
    with pytest.raises(services.RequestError, match="both have a camera cam2"):
        made(run)


def test_two_data_sets_keep_their_cameras_their_teachers_and_their_pictures(tmp_path: Path) -> None:
    other = base(tmp_path / "b", "cam3")
    text = other.read_text().splitlines()
    text = [text[0] + ",seed_logit,silentface_p"] + [line + ",1.5,0.5" for line in text[1:]]
    other.write_text("\n".join(text) + "\n")
    rows = data.read_manifest(made(request(tmp_path, base=[other], reviewed=False)))
    assert {row.domain: row.teacher for row in rows} == {"cam1": None, "cam2": None, "cam3": 1.5}
    assert {Path(row.path).parent for row in rows} == {tmp_path / "a", tmp_path / "b"}


def test_a_base_that_changed_since_the_request_is_refused(tmp_path: Path) -> None:
    other = base(tmp_path / "b", "cam3")
    run = request(tmp_path, base=[other], reviewed=False)
    other.write_text("changed")
    with pytest.raises(services.RequestError, match="has changed"):
        made(run)


def test_a_camera_that_says_nothing_of_itself_is_the_site(tmp_path: Path) -> None:
    labelled(person("alice"), camera="")
    rows = data.read_manifest(made(request(tmp_path)))
    assert "site" in {row.domain for row in rows}


def test_a_sampled_attempt_that_passed_and_was_labelled_is_used(tmp_path: Path) -> None:
    attempt = labelled(person("alice"), "live")
    Attempt.objects.filter(pk=attempt.pk).update(state="claimed", camera=CAMERA)
    assert reviewed.usable()[1] == {"not_refused": 1}
    Attempt.objects.filter(pk=attempt.pk).update(sampled=True)
    assert [found.pk for found in reviewed.usable()[0]] == [attempt.pk]


def _copies(run: TrainingRun) -> list[Path]:
    return list(services.folder_of(run).rglob("*.jpg*"))


def _no_copies(run: TrainingRun) -> None:
    assert _copies(run) == []
    assert not (services.folder_of(run) / "data.csv").exists()


def test_a_full_disk_is_said_in_words_by_the_training_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "bundle/model.onnx")

    monkeypatch.setattr("training.pipeline.trained", full)
    run = request(tmp_path, reviewed=False)
    with pytest.raises(CommandError, match=r"bundle/model\.onnx: No space left on device\."):
        call_command("train_fas", "--run", str(run.pk))


def test_a_training_process_of_a_worker_that_lost_the_run_does_not_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = services.claim_run(request(tmp_path, reviewed=False).pk)
    monkeypatch.setattr(supervision, "follow_leash", lambda: None)
    monkeypatch.setenv(supervision.TOKEN, "another")
    with pytest.raises(CommandError, match="gone to another worker"):
        call_command("train_fas", "--run", str(run.pk))
