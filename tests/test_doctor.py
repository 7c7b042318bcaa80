"""What the doctor says of a whole site, and of one with something broken."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.test import Client
from pytest_django import Settings

from accounts.models import FaceTemplate, User
from liveness import runtime
from portal import doctor
from portal.doctor import OK, PROBLEM, WARNING, Finding, examine

ROOT = Path(__file__).resolve().parent.parent


def _states(*parts: doctor.Examination) -> list[str]:
    return [finding.state for finding in examine(parts)]


@pytest.mark.django_db
def test_a_whole_site_has_no_problem_and_every_finding_names_its_part() -> None:
    found = examine((doctor.database, doctor.tables, doctor.broker, doctor.keys, doctor.storage))
    assert {finding.state for finding in found} == {OK}
    assert all(finding.part and finding.text and not finding.mend for finding in found)


def test_a_part_that_cannot_be_examined_is_a_problem_and_no_exception() -> None:
    def moon() -> Iterator[Finding]:
        yield Finding("moon", OK, str(int("cheese")))

    (finding,) = examine((moon,))
    assert (finding.part, finding.state) == ("moon", PROBLEM)
    assert "cheese" in finding.text


def test_a_site_that_was_never_started_is_told_to_start_and_nothing_untrue(tmp_path: Path) -> None:
    own = {"DJANGO_SETTINGS_MODULE": "portal.settings", "LIVEGATE_VAR": str(tmp_path)}
    environment = {**os.environ, **own, "DATABASE_URL": f"sqlite:///{tmp_path / 'site.sqlite3'}"}
    command = [sys.executable, "manage.py", "doctor", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    problems = {row["part"]: row for row in json.loads(done.stdout) if row["state"] == PROBLEM}
    assert set(problems) == {"tables", "keys", "model"}
    assert problems["tables"]["text"] == "there are none yet"
    assert "Start the portal" in problems["tables"]["mend"]
    for part in ("keys", "model"):
        assert problems[part]["text"].startswith("unknown: ")
        assert problems[part]["mend"] == "Mend the database and its tables first."


@pytest.mark.django_db
def test_a_template_whose_key_is_lost_is_a_problem(settings: Settings) -> None:
    user = User.objects.create_user("ada")
    FaceTemplate.objects.create(
        user=user, sealed=b"x" * 40, sealed_seed=b"x" * 40, attempt="0" * 32, frames=6
    )
    states = _states(doctor.keys)
    assert PROBLEM in states


def test_a_secret_that_others_can_read_is_a_problem(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VAR = tmp_path
    (tmp_path / "secrets").mkdir()
    secret = tmp_path / "secrets" / "secret_key"
    secret.write_text("x")
    secret.chmod(0o644)
    monkeypatch.setattr(doctor, "_open_a_template", lambda: False)
    monkeypatch.setattr(doctor, "_open_evidence", lambda: False)
    assert _states(doctor.keys) == [OK, OK, PROBLEM]
    secret.chmod(0o600)
    assert _states(doctor.keys) == [OK, OK]


def test_a_broker_that_is_away_is_a_problem(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    (finding,) = examine((doctor.broker,))
    assert finding.state == PROBLEM
    assert "REDIS_URL" in finding.mend


def test_a_folder_that_cannot_be_written_is_a_problem(settings: Settings, tmp_path: Path) -> None:
    settings.VAR = tmp_path / "nowhere"
    assert _states(doctor.storage) == [PROBLEM]


def test_detector_weights_that_are_not_there_are_a_problem(settings: Settings) -> None:
    settings.LIVENESS_DETECTOR_PATH = "/nowhere/yunet.onnx"
    assert _states(doctor.weight_files) == [PROBLEM, OK]


def test_more_threads_than_cores_are_a_warning(settings: Settings) -> None:
    settings.LIVENESS_WORKERS = 1000
    assert _states(doctor.processors) == [WARNING]


def test_a_certificate_that_nobody_serves_is_a_problem(settings: Settings) -> None:
    settings.SITE_URL = "https://127.0.0.1:1"
    assert _states(doctor.certificate) == [PROBLEM]


@pytest.mark.parametrize(("days", "state"), [(60.0, OK), (3.0, WARNING)])
def test_a_certificate_that_ends_soon_is_a_warning(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, days: float, state: str
) -> None:
    settings.SITE_URL = "https://portal.example.org"
    monkeypatch.setattr(doctor, "_days_left", lambda host, port: days)
    assert _states(doctor.certificate) == [state]


@pytest.mark.django_db
def test_the_command_says_how_to_mend_and_ends_with_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Finding("database", PROBLEM, "unreachable", "Start the database.")
    monkeypatch.setattr("portal.management.commands.doctor.examine", lambda: [broken])
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=out)
    assert ended.value.code == 1
    assert "Start the database." in out.getvalue()
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", "--json", stdout=out)
    assert json.loads(out.getvalue())[0]["mend"] == "Start the database."


@pytest.mark.django_db
def test_ready_means_that_every_part_is_and_alive_means_nothing_more_than_that(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "get_engine", lambda: None)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["database"] == answer.json()["tables"] == "ok"

    def unavailable() -> None:
        raise runtime.EngineUnavailable

    monkeypatch.setattr(runtime, "get_engine", unavailable)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["ok"] is False
    assert client.get("/healthz").status_code == 200


@pytest.mark.django_db
def test_a_database_that_is_away_is_not_ready_and_the_answer_tells_no_address(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise DatabaseError("connection to secret-host refused")

    monkeypatch.setattr(connection, "cursor", away)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "failing"
    assert b"secret-host" not in answer.content
