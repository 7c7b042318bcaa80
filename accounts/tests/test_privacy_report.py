"""What is held about whom, in numbers: no face, no score, no secret."""

import json
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts import services
from accounts.consent import Purpose
from accounts.models import FaceTemplate, User
from accounts.tests import flows
from liveness.models import Attempt
from liveness.tests.fakes import FakeEngine, ended_attempt, spoof


def said(*words: str) -> str:
    out = StringIO()
    call_command("privacy_report", *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def refused(alice_with_face: User) -> Attempt:
    flows.signed_in(alice_with_face)
    return ended_attempt(FakeEngine(spoof()), claimed="alice", user=alice_with_face)


def held(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["what"]: item for item in report["held"]}


def test_it_counts_and_says_when_each_thing_goes(refused: Attempt) -> None:
    report = json.loads(said("alice", "--json"))["people"][0]
    items = held(report)
    template = FaceTemplate.objects.get()
    pictures = items["pictures of attempts that did not succeed"]
    assert pictures["count"] == refused.evidence.count()
    assert datetime.fromisoformat(pictures["until"]) == refused.created + timedelta(days=30)
    assert (items["face template"]["count"], items["face template"]["purpose"]) == (1, "signin")
    until = datetime.fromisoformat(items["face template"]["until"])
    assert until == template.last_used + timedelta(days=1095)
    assert (items["sessions"]["count"], items["records of attempts"]["count"]) == (1, 2)
    assert set(report["consents"]) == {"signin", "evidence"}
    assert report["elsewhere"]["training"] == {"copies": 0, "models": []}


def test_what_is_gone_is_no_longer_counted(refused: Attempt, alice_with_face: User) -> None:
    services.take_back(user=alice_with_face, purpose=Purpose.EVIDENCE)
    services.take_back(user=alice_with_face, purpose=Purpose.SIGNIN)
    items = held(json.loads(said("alice", "--json"))["people"][0])
    assert "face template" not in items
    assert "pictures of attempts that did not succeed" not in items
    assert items["consents that were taken back"]["count"] == 2


def test_in_words_it_speaks_of_everybody_or_of_one(refused: Attempt) -> None:
    User.objects.create_user("berta", "berta@example.org")
    everybody, one = said(), said("BERTA@example.org")
    assert "alice: joined" in everybody
    assert "agreed to evidence: version 2026-3" in everybody
    assert "All 2 together" in everybody
    assert "alice" not in one
    assert "agreed to nothing" in one


def test_it_shows_no_face_no_score_and_no_secret(refused: Attempt) -> None:
    text = said("--json") + said()
    for hidden in ("pooled", "p_live", "threshold", "sealed", "seed", "password"):
        assert hidden not in text
    assert len(text) < 10_000


def test_an_unknown_name_is_said(db: None) -> None:
    with pytest.raises(CommandError, match="nobody of the name 'carl'"):
        said("carl")
