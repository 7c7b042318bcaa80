"""What is in a backup, and what a restore refuses before it changes anything; tests/e2e/test_restoring.py has the rest."""

import io
import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from accounts.models import User
from accounts.tests import flows
from liveness.models import Attempt
from liveness.tests.fakes import ALICE, FakeEngine, ended_attempt, spoof


@pytest.fixture
def site(db: None, tmp_path: Path, settings: Settings) -> Path:
    """A backup of a site with a face and the evidence of a refusal."""
    settings.VAR = tmp_path
    user = User.objects.create_user("alice")
    flows.enrol(user, ALICE)
    ended_attempt(FakeEngine(spoof()), claimed="alice", user=user)
    call_command("backup", str(tmp_path / "site.zip"), stdout=io.StringIO())
    return tmp_path / "site.zip"


def _altered(file: Path, **changes: Any) -> Path:
    """The backup with other facts."""
    other = file.with_name("altered.zip")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "site.json":
                data = json.dumps(json.loads(data) | changes).encode()
            new.writestr(name, data)
    return other


def _refused(file: Path, words: str) -> None:
    before = User.objects.count()
    with pytest.raises(CommandError, match=words):
        call_command("restore", str(file))
    assert User.objects.count() == before


def test_keys_and_sessions_are_not_in_it_and_nobody_else_may_read_it(
    site: Path, settings: Settings
) -> None:
    assert stat.S_IMODE(site.stat().st_mode) == 0o600
    with zipfile.ZipFile(site) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
        assert "rows/sessions.Session.jsonl" not in archive.namelist()
        assert len(archive.read("rows/accounts.FaceTemplate.jsonl").splitlines()) == 1
    assert settings.SECRET_KEY.encode() not in everything
    for key in settings.LIVENESS_ENCRYPTION_KEYS:
        assert key not in everything


def test_a_backup_is_never_written_over(site: Path) -> None:
    with pytest.raises(CommandError, match="exists already"):
        call_command("backup", str(site))


def test_a_site_with_people_is_not_restored_over(site: Path) -> None:
    _refused(site, "has accounts or attempts")


def test_without_the_keys_nothing_is_restored(site: Path, settings: Settings) -> None:
    settings.LIVENESS_ENCRYPTION_KEYS = [b"k" * 32]
    _refused(site, "Restore the keys first")


def test_without_the_secret_key_nothing_is_restored_for_it_tells_who_was_erased(
    site: Path, settings: Settings
) -> None:
    settings.SECRET_KEY = "another"
    _refused(site, "Restore SECRET_KEY first")


def test_a_backup_of_a_newer_version_is_refused(site: Path) -> None:
    User.objects.all().delete()
    Attempt.objects.all().delete()
    tomorrow = [["accounts", "9999_of_tomorrow"]]
    _refused(_altered(site, migrations=tomorrow), "newer version")
    _refused(_altered(site, format=2), "format 1")


def test_what_is_no_backup_is_refused_in_words(site: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_bytes(site.read_bytes()[:-200])
    _refused(broken, "cannot be read")
    _refused(tmp_path / "nothing.zip", "cannot be read")
