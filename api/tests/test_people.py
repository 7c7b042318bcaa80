"""People over the API: made, asked, exported, erased; staff are out of reach."""

import io
import json
import zipfile

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts import consent
from accounts.models import Consent, User
from accounts.tests import flows
from api.tests.conftest import Program
from liveness.tests.fakes import ALICE, FakeEngine, ended_attempt, live, serving, spoof
from trail import chain
from trail.models import AuditEntry

pytestmark = pytest.mark.django_db
PEOPLE = "/api/v1/people/"


def test_a_person_is_made_without_a_password_and_erased(program: Program) -> None:
    client = program("people:write")
    body = {"username": "ada", "email": "ada@example.org"}
    assert client.post(PEOPLE, body, "application/json").status_code == 201
    assert not User.objects.get(username="ada").has_usable_password()
    again = client.post(PEOPLE, {"username": "ADA"}, "application/json")
    assert (again.status_code, again.json()["errors"][0]["field"]) == (400, "username")
    assert client.get(f"{PEOPLE}ada/export/").json()["account"]["username"] == "ada"
    assert client.delete(f"{PEOPLE}ada/").status_code == 204
    assert not User.objects.filter(username="ada").exists()


def test_consent_names_the_text_that_was_shown(program: Program) -> None:
    User.objects.create_user("ada")
    client = program("people:write")
    old = client.post(f"{PEOPLE}ada/consents/", {"text_version": "0"}, "application/json")
    assert old.status_code == 400
    text = client.get("/api/v1/consent-text/").json()
    assert (text["version"], text["digest"]) == (consent.VERSION, consent.digest())
    body = {"text_version": text["version"]}
    assert client.post(f"{PEOPLE}ada/consents/", body, "application/json").status_code == 201
    assert client.delete(f"{PEOPLE}ada/consents/").status_code == 204
    assert Consent.objects.get().withdrawn is not None


def test_each_purpose_is_given_and_withdrawn_on_its_own(program: Program) -> None:
    ada = User.objects.create_user("ada")
    client = program("people:write")
    text = client.get("/api/v1/consent-text/").json()
    shown = {purpose["purpose"]: purpose for purpose in text["purposes"]}
    assert set(shown) == {"signin", "evidence", "training"}
    body = {"text_version": text["version"], "evidence": True, "training": True}
    client.post(f"{PEOPLE}ada/consents/", body, "application/json")
    assert client.delete(f"{PEOPLE}ada/consents/evidence/").status_code == 204
    assert client.get(f"{PEOPLE}ada/").json()["purposes"] == ["training", "signin"]
    one = {"text_version": text["version"]}
    given = client.post(f"{PEOPLE}ada/consents/evidence/", one, "application/json").json()
    assert given["digest"] == shown["evidence"]["digest"]
    rows = client.get(f"{PEOPLE}ada/consents/").json()
    assert sorted((row["purpose"], row["withdrawn"] is None) for row in rows) == [
        ("evidence", False),
        ("evidence", True),
        ("signin", True),
        ("training", True),
    ]
    old = client.post(f"{PEOPLE}ada/consents/evidence/", {"text_version": "0"}, "application/json")
    assert old.status_code == 400
    assert client.delete(f"{PEOPLE}ada/consents/everything/").status_code == 404
    entry = AuditEntry.objects.filter(event="consent_withdrawn").get()
    assert (entry.subject, entry.facts) == (chain.pseudonym(ada.pk), {"purpose": "evidence"})
    assert entry.actor


def test_staff_cannot_be_erased_by_a_key(program: Program, owner: User) -> None:
    assert program().delete(f"{PEOPLE}{owner.username}/").status_code == 409
    assert User.objects.filter(pk=owner.pk).exists()


def test_reading_people_changes_none(program: Program) -> None:
    User.objects.create_user("ada")
    client: Client = program("people:read")
    assert client.get(f"{PEOPLE}ada/").json()["has_face"] is False
    assert client.delete(f"{PEOPLE}ada/").status_code == 403


def test_the_archive_holds_pictures_only_where_the_owner_may_review(program: Program) -> None:
    ada = User.objects.create_user("ada")
    flows.enrol(ada, ALICE)
    kept = ended_attempt(FakeEngine(spoof()), claimed="ada", user=ada).evidence.count()
    rights = Permission.objects.filter(codename="view_user")
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.set(rights)
    found = []
    with serving(FakeEngine(live(), [ALICE])):
        for client in (program("people:read"), program("people:read", owner=clerk)):
            response = client.get(f"{PEOPLE}ada/archive/")
            assert response["Content-Type"] == "application/zip"
            with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
                found.append(sum(name.startswith("pictures/") for name in archive.namelist()))
                assert json.loads(archive.read("data.json"))["account"]["username"] == "ada"
    assert found == [kept, 0]
    entry = AuditEntry.objects.filter(event="data_exported").latest("number")
    assert (entry.subject, entry.actor) == (chain.pseudonym(ada.pk), chain.pseudonym(clerk.pk))
