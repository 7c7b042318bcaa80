import io
import json
import zipfile
from typing import Any

from django.test import Client
from django.urls import reverse

from accounts import services
from accounts.models import User
from accounts.tests import flows
from liveness.tests.fakes import FakeEngine, ended_attempt, serving, spoof, unclear


def data_of(user: User) -> Any:
    """What the downloaded archive says as plain data."""
    content = flows.signed_in(user).get(reverse("accounts:export")).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return json.loads(archive.read("data.json"))


def test_the_export_holds_account_face_consents_sign_ins_and_attempts(
    alice_with_face: User,
) -> None:
    ended_attempt(FakeEngine(spoof()), claimed="alice", user=alice_with_face)
    with serving(FakeEngine()):
        data = data_of(alice_with_face)
    assert data["account"]["username"] == "alice"
    assert data["face"]["stored"] is True
    assert data["face"]["frames"] == 10
    assert {row["purpose"]: row["withdrawn"] for row in data["consents"]} == {
        "signin": None,
        "evidence": None,
    }
    assert data["sign_ins"][0]["way"] == "password"
    assert {attempt["state"] for attempt in data["attempts"]} == {"claimed", "failed"}
    assert data["pictures_kept"] > 0
    assert "face template" in {item["what"] for item in data["held"]}
    assert data["elsewhere"]["training"]["models"] == []


def test_the_export_of_one_person_says_nothing_of_another(alice: User) -> None:
    berta = User.objects.create_user("berta")
    ended_attempt(FakeEngine(spoof()), claimed="berta", user=berta)
    data = data_of(alice)
    assert data["attempts"] == []
    assert "berta" not in json.dumps(data)


def test_the_overview_tells_outcomes_in_words(alice_with_face: User) -> None:
    ended_attempt(FakeEngine(spoof()), claimed="alice", user=alice_with_face)
    ended_attempt(FakeEngine(unclear()), claimed="alice", user=alice_with_face)
    page = flows.signed_in(alice_with_face).get(reverse("accounts:overview")).content.decode()
    for words in ("Signed in", "Refused", "Could not be judged"):
        assert words in page
    assert "spoof" not in page
    assert 'data-face="yes"' in page


def test_strangers_are_sent_to_the_sign_in_page(db: None) -> None:
    for name in ("overview", "consent", "enrol_capture", "delete_face", "export", "delete_account"):
        response = Client().get(reverse(f"accounts:{name}"))
        assert response["Location"].startswith(reverse("account_login")), name


def test_nothing_is_erased_by_following_a_link(alice_with_face: User) -> None:
    client = flows.signed_in(alice_with_face)
    for name in ("delete_face", "withdraw_consent", "delete_account"):
        client.get(reverse(f"accounts:{name}"))
    assert alice_with_face.has_face
    assert services.consent_of(alice_with_face) is not None
