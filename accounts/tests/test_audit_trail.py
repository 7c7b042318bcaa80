"""Who signs in, is refused, takes data along or is erased stands in the trail; nobody's name does."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests import flows
from liveness.tests.fakes import MALLORY, FakeEngine, ended_attempt, spoof
from trail import chain
from trail.models import AuditEntry


def events(user: User | None = None) -> list[str]:
    rows = AuditEntry.objects.order_by("number")
    if user is not None:
        rows = rows.filter(subject=chain.pseudonym(user.pk))
    return list(rows.values_list("event", flat=True))


def text() -> str:
    return json.dumps(list(AuditEntry.objects.values("event", "subject", "actor", "facts")))


def test_a_face_its_sign_in_and_its_refusals_are_entries(alice_with_face: User) -> None:
    flows.sign_in(Client(), "alice")
    flows.sign_in(Client(), "alice", MALLORY)
    ended_attempt(FakeEngine(spoof()), claimed="alice", user=alice_with_face)
    found = events(alice_with_face)
    wanted = ["consent_given"] * 2
    wanted += ["face_enrolled", "signed_in", "face_refused", "liveness_refused"]
    assert found == wanted


def test_a_refused_password_is_about_whom_the_name_belongs_to(alice: User) -> None:
    for name in ("alice", "nobody at all"):
        Client().post(reverse("account_login"), {"login": name, "password": "wrong"})
    subjects = AuditEntry.objects.filter(event="password_refused").values_list("subject", flat=True)
    assert sorted(subjects) == ["", chain.pseudonym(alice.pk)]
    assert "nobody" not in text()


def test_exports_and_erasures_are_entries(alice_with_face: User) -> None:
    client = flows.signed_in(alice_with_face)
    client.get(reverse("accounts:export"))
    client.post(reverse("accounts:delete_face"))
    assert events(alice_with_face)[-2:] == ["data_exported", "face_deleted"]


def test_an_erased_person_leaves_a_chain_that_verifies_and_no_name(alice_with_face: User) -> None:
    number = alice_with_face.pk
    flows.sign_in(Client(), "alice", MALLORY)
    client = flows.signed_in(alice_with_face)
    client.post(reverse("accounts:delete_account"), {"username": "alice"})
    last = AuditEntry.objects.first()
    assert last is not None
    assert last.event == "account_deleted"
    assert last.subject == chain.pseudonym(number)
    with pytest.raises(chain.Broken, match="no longer guards"):
        chain.verify()  # All else is whole: tests go without the guards.
    assert "alice" not in text()


def test_nothing_of_a_score_stands_in_the_trail(alice_with_face: User) -> None:
    attempt = ended_attempt(FakeEngine(spoof()), claimed="alice", user=alice_with_face)
    assert attempt.pooled is not None
    for hidden in ("pooled", "p_live", "margin", "score", "threshold", str(attempt.pooled)):
        assert hidden not in text()


def test_staff_read_the_trail_by_name_and_touch_nothing(alice_with_face: User) -> None:
    admin = User.objects.create_superuser("root", "root@example.org", flows.PASSWORD)
    client = flows.signed_in(admin)
    base = reverse("admin:trail_auditentry_changelist")
    page = client.get(base, {"q": "alice"}).content.decode()
    assert "face_enrolled" in page
    assert "signed_in" not in page.split("result_list")[1].split("field-event")[1]
    assert client.get(base, {"event": "signed_in"}).status_code == 200
    number = AuditEntry.objects.latest("number").number
    assert client.get(reverse("admin:trail_auditentry_change", args=[number])).status_code == 200
    assert client.get(reverse("admin:trail_auditentry_add")).status_code == 403
    url = reverse("admin:trail_auditentry_delete", args=[number])
    assert client.post(url, {"post": "yes"}).status_code == 403
    client.post(base, {"action": "delete_selected", "_selected_action": number, "post": "yes"})
    assert AuditEntry.objects.filter(number=number).exists()


def test_the_trail_is_closed_to_everybody_else(alice: User) -> None:
    client = flows.signed_in(alice)
    assert client.get(reverse("admin:trail_auditentry_changelist")).status_code == 302
    alice.is_staff = True
    alice.save()
    assert client.get(reverse("admin:trail_auditentry_changelist")).status_code == 403
