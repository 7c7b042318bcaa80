"""One ledger row a purpose: given and taken back on its own, and what that does happens at once."""

import hashlib
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext, override
from pytest_django import Settings

from accounts import consent, ledger, services
from accounts.consent import Purpose
from accounts.models import Consent, ConsentText, FaceTemplate, User
from accounts.tests import flows
from liveness.models import Attempt, Evidence
from liveness.services import ClaimError, claim_attempt, purge
from liveness.tests.fakes import ALICE, SESSION, FakeEngine, ended_attempt, passed_attempt, spoof


def press(client: Client, purpose: Purpose, answer: str) -> str:
    """One click on the page; what it says afterwards."""
    data = {"purpose": purpose, "answer": answer}
    page = client.post(reverse("accounts:consents"), data, follow=True)
    assert page.status_code == 200
    return page.content.decode()


def in_force(user: User) -> set[Purpose]:
    return set(ledger.in_force(user))


def refused(user: User | None, claimed: str = "alice") -> Attempt:
    return ended_attempt(FakeEngine(spoof()), claimed=claimed, user=user)


@pytest.mark.parametrize("purpose", Purpose)
def test_each_purpose_is_given_and_taken_back_with_one_click(alice: User, purpose: Purpose) -> None:
    client = flows.signed_in(alice)
    assert 'data-test="agree"' in client.get(reverse("accounts:consents")).content.decode()
    assert 'role="status"' in press(client, purpose, "yes")
    assert in_force(alice) == {purpose}
    row = Consent.objects.get()
    assert row.digest == consent.text(purpose).digest
    assert row.given > timezone.now() - timedelta(minutes=1)
    press(client, purpose, "no")
    row.refresh_from_db()
    assert in_force(alice) == set()
    assert row.withdrawn is not None


def test_one_answer_leaves_the_others_alone(alice: User) -> None:
    services.give_consent(user=alice, evidence=True, training=True)
    services.take_back(user=alice, purpose=Purpose.EVIDENCE)
    assert in_force(alice) == {Purpose.SIGNIN, Purpose.TRAINING}


def test_giving_asks_for_no_more_steps_than_taking_back(alice: User) -> None:
    """A form with one button for either, reached with the keyboard, and named by the question it answers."""
    services.give_consent(user=alice, evidence=True, training=False)
    page = flows.signed_in(alice).get(reverse("accounts:consents")).content.decode()
    forms = re.findall(r"<form method=\"post\">.*?</form>", page, re.S)
    assert len(forms) == len(Purpose)
    for form in forms:
        buttons = re.findall(r"<button[^>]*>", form)
        assert len(buttons) == 1
        described = re.search(r'aria-describedby="([^"]+)"', buttons[0])
        assert described
        assert all(f'id="{name}"' in page for name in described[1].split())


def test_nonsense_changes_nothing(alice: User) -> None:
    client = flows.signed_in(alice)
    client.post(reverse("accounts:consents"), {"purpose": "everything", "answer": "yes"})
    client.post(reverse("accounts:consents"), {"purpose": "signin", "answer": "perhaps"})
    assert not Consent.objects.exists()


def test_the_same_answer_twice_is_one_consent(alice: User) -> None:
    services.agree(user=alice, purpose=Purpose.SIGNIN)
    services.agree(user=alice, purpose=Purpose.SIGNIN)
    assert Consent.objects.count() == 1


def test_the_same_text_in_another_language_is_not_asked_again(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def german(words: str) -> str:
        return f"auf Deutsch: {words}" if get_language() == "de" else gettext(words)

    monkeypatch.setattr(consent, "gettext", german)
    with override("de"):
        services.agree(user=alice, purpose=Purpose.EVIDENCE)
    words = ledger.words_of(Consent.objects.get().digest)
    assert words is not None
    assert words.startswith("auf Deutsch")
    page = flows.signed_in(alice).get(reverse("accounts:consents")).content.decode()
    assert page.count('data-test="agree"') == 2
    services.agree(user=alice, purpose=Purpose.EVIDENCE)
    assert Consent.objects.count() == 1


def test_the_words_behind_a_digest_are_kept_when_the_text_changes(
    alice: User, settings: Settings
) -> None:
    services.agree(user=alice, purpose=Purpose.EVIDENCE)
    first = Consent.objects.get()
    settings.LIVENESS_EVIDENCE_DAYS = 60
    services.agree(user=alice, purpose=Purpose.EVIDENCE)
    assert Consent.objects.count() == 2
    words = ledger.words_of(first.digest)
    assert words is not None
    assert "after 30 days" in words
    for row in ConsentText.objects.all():
        assert hashlib.sha256(row.text.encode()).hexdigest() == row.digest


def test_taking_sign_in_back_erases_the_face_and_waiting_embeddings(
    alice_with_face: User,
) -> None:
    waiting = passed_attempt(purpose="enrol", user=alice_with_face)
    services.take_back(user=alice_with_face, purpose=Purpose.SIGNIN)
    assert not FaceTemplate.objects.exists()
    with pytest.raises(ClaimError):
        claim_attempt(attempt_id=waiting.pk, session_key=SESSION, purpose="enrol")
    assert flows.sign_in(Client(), "alice", ALICE).status_code == 403


def test_taking_evidence_back_erases_every_picture_and_leaves_the_face(
    alice_with_face: User,
) -> None:
    refused(alice_with_face)
    assert Evidence.objects.exists()
    services.take_back(user=alice_with_face, purpose=Purpose.EVIDENCE)
    assert not Evidence.objects.exists()
    assert alice_with_face.has_face


def test_without_consent_to_evidence_no_picture_is_kept(alice: User) -> None:
    services.give_consent(user=alice, evidence=False)
    refused(alice)
    assert not Evidence.objects.exists()
    refused(None, "nobody")
    assert Evidence.objects.exists()


def test_evidence_taken_back_while_the_camera_runs_is_not_kept(alice: User) -> None:
    services.give_consent(user=alice)

    class Withdrawing(FakeEngine):
        def look(self, jpeg: bytes, picture: object = None) -> object:  # type: ignore[override]
            services.take_back(user=alice, purpose=Purpose.EVIDENCE)
            return super().look(jpeg)

    ended_attempt(Withdrawing(spoof()), claimed="alice", user=alice)
    assert not Evidence.objects.exists()


def test_a_face_is_not_stored_when_consent_ends_between_camera_and_form(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.give_consent(user=alice)
    attempt = passed_attempt(purpose="enrol", user=alice)
    claim = claim_attempt

    def withdraw_meanwhile(**values: object) -> object:
        found = claim(**values)  # type: ignore[arg-type]
        services.take_back(user=alice, purpose=Purpose.SIGNIN)
        return found

    monkeypatch.setattr("liveness.services.claim_attempt", withdraw_meanwhile)
    with pytest.raises(services.ConsentMissing):
        services.enrol(user=alice, attempt_id=attempt.pk, session_key=SESSION)
    assert not FaceTemplate.objects.exists()


def test_pictures_whose_permission_ended_in_another_way_go_with_the_purge(alice: User) -> None:
    services.give_consent(user=alice)
    refused(alice)
    Consent.objects.filter(purpose=Purpose.EVIDENCE).delete()
    assert purge().evidence > 0
    assert not Evidence.objects.exists()


def test_the_consent_page_takes_back_what_is_no_longer_ticked(alice: User) -> None:
    client = flows.signed_in(alice)
    client.post(reverse("accounts:consent"), {"face": "on", "evidence": "on", "training": "on"})
    assert in_force(alice) == set(Purpose)
    client.post(reverse("accounts:consent"), {"face": "on"})
    assert in_force(alice) == {Purpose.SIGNIN}


def test_the_camera_page_says_what_is_kept(alice: User) -> None:
    services.give_consent(user=alice, evidence=False)
    client = flows.signed_in(alice)
    page = client.get(reverse("accounts:enrol_capture")).content.decode()
    assert "None is kept" in page
    services.agree(user=alice, purpose=Purpose.EVIDENCE)
    assert "may be kept" in client.get(reverse("accounts:enrol_capture")).content.decode()
