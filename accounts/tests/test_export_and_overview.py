import json

from django.test import Client
from django.urls import reverse

from accounts import services
from accounts.models import User
from accounts.tests import flows
from liveness.tests.fakes import FakeEngine, ended_attempt, spoof, unclear


def test_the_export_holds_account_face_consents_sign_ins_and_attempts(
    alice_with_face: User,
) -> None:
    ended_attempt(FakeEngine(spoof()), claimed="alice", user=alice_with_face)
    response = flows.signed_in(alice_with_face).get(reverse("accounts:export"))
    data = json.loads(response.content)
    assert "attachment" in response["Content-Disposition"]
    assert "no-store" in response["Cache-Control"]
    assert data["account"]["username"] == "alice"
    assert data["face"]["stored"] is True
    assert data["face"]["frames"] == 10
    assert data["consents"][0]["withdrawn"] is None
    assert data["sign_ins"][0]["way"] == "password"
    assert {attempt["state"] for attempt in data["attempts"]} == {"claimed", "failed"}


def test_the_export_holds_no_picture_no_score_and_no_template(alice_with_face: User) -> None:
    ended_attempt(FakeEngine(spoof()), claimed="alice", user=alice_with_face)
    text = flows.signed_in(alice_with_face).get(reverse("accounts:export")).content.decode()
    data = json.loads(text)
    assert data["pictures_kept"] > 0
    for hidden in ("sealed", "seed", "jpeg", "pooled", "margin", "threshold", "secret"):
        assert hidden not in text


def test_the_export_of_one_person_says_nothing_of_another(alice: User) -> None:
    berta = User.objects.create_user("berta")
    ended_attempt(FakeEngine(spoof()), claimed="berta", user=berta)
    data = json.loads(flows.signed_in(alice).get(reverse("accounts:export")).content)
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
