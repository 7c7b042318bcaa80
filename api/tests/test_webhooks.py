"""What becomes an event, for whom, and what is never in it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction
from django.test import Client
from pytest_django.fixtures import Settings

from accounts import services as accounts
from accounts.models import User
from api import captures, keys, webhooks
from api.models import Webhook, WebhookEvent
from api.tests.conftest import Program
from api.tests.receivers import Receiver
from liveness import crypto, keyring, registry, reviewing
from liveness.tests.fakes import FakeEngine, ended_attempt, spoof

pytestmark = pytest.mark.django_db
EVERYTHING = list(webhooks.EVENTS)


@pytest.fixture
def hook(owner: User, receiver: Receiver) -> Webhook:
    hook, _ = webhooks.create_webhook(owner=owner, url=receiver.url, events=EVERYTHING)
    return hook


def events(hook: Webhook) -> list[tuple[str, dict[str, Any]]]:
    """What waits for it, the oldest first."""
    rows = WebhookEvent.objects.filter(deliveries__webhook=hook).order_by("at")
    return [(row.type, json.loads(row.body)["data"]) for row in rows]


def test_an_attempt_that_ends_is_told_without_scores_and_names(hook: Webhook) -> None:
    ada = User.objects.create_user("ada")
    attempt = ended_attempt(FakeEngine(spoof()), claimed="ada", user=ada)
    told = {"id": str(attempt.pk), "purpose": "signin", "state": "failed", "matched": None}
    assert events(hook) == [("attempt.ended", {**told, "reason": attempt.reason})]


def test_a_label_and_its_undoing_are_told(hook: Webhook, owner: User) -> None:
    attempt = ended_attempt(FakeEngine(spoof()))
    reviewing.review_attempt(attempt=attempt, reviewer=owner, label="print")
    reviewing.undo_review(reviewer=owner)
    labels = [(data["label"], data["disputed"]) for kind, data in events(hook)[1:]]
    assert labels == [("print", False), ("", False)]


def test_one_of_two_reviewers_is_not_given_away(
    hook: Webhook, owner: User, settings: Settings
) -> None:
    settings.LIVEGATE_REVIEWERS_NEEDED = 2
    attempt = ended_attempt(FakeEngine(spoof()))
    reviewing.review_attempt(attempt=attempt, reviewer=owner, label="print")
    assert events(hook)[-1][1]["label"] == ""


def test_models_are_told_when_they_are_judged_and_promoted(
    hook: Webhook, settings: Settings
) -> None:
    first = registry.ensure_bundled_model()
    registry.record_gate(model=first, champion=None, passed=True, report={"reasons": []})
    kinds = [kind for kind, _ in events(hook)]
    assert kinds == ["model.registered", "model.promoted", "model.judged"]
    states = [data["state"] for _, data in events(hook)]
    assert states == ["candidate", "active", "active"]
    assert events(hook)[-1][1]["passed"] is True


def test_a_capture_is_told_to_its_owner_alone(
    hook: Webhook, owner: User, receiver: Receiver
) -> None:
    other = User.objects.create_superuser("otto", "otto@example.org", "x")
    foreign, _ = webhooks.create_webhook(owner=other, url=receiver.url, events=EVERYTHING)
    key, _ = keys.create_key(owner=owner, name="shop", scopes=["captures:write"])
    capture = captures.open_capture(key=key, purpose="liveness", reference="basket 7")
    capture.attempt = ended_attempt(FakeEngine(spoof()))
    capture.save()
    captures.redeem(capture=capture)
    told = {"id": str(capture.pk), "purpose": "liveness", "reference": "basket 7"}
    assert events(hook)[-1] == ("capture.redeemed", {**told, "verdict": "refused"})
    assert [kind for kind, _ in events(foreign)] == ["attempt.ended"]


def test_an_event_shares_the_fate_of_what_happened(hook: Webhook) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        webhooks.emit("model.promoted", {})
        raise RuntimeError
    assert not WebhookEvent.objects.exists()


def test_nobody_hears_what_they_may_not_see(receiver: Receiver) -> None:
    clerk = User.objects.create_user("carl", is_staff=True)
    hook, _ = webhooks.create_webhook(owner=clerk, url=receiver.url, events=EVERYTHING)
    ended_attempt(FakeEngine(spoof()))
    assert events(hook) == []
    clerk.user_permissions.add(Permission.objects.get(codename="review_attempt"))
    ended_attempt(FakeEngine(spoof()))
    assert [kind for kind, _ in events(hook)] == ["attempt.ended"]
    User.objects.filter(pk=clerk.pk).update(is_staff=False)
    ended_attempt(FakeEngine(spoof()))
    assert len(events(hook)) == 1


def test_erasing_a_person_erases_their_events_and_says_so(hook: Webhook) -> None:
    ada = User.objects.create_user("ada")
    ended_attempt(FakeEngine(spoof()), claimed="ada", user=ada)
    ended_attempt(FakeEngine(spoof()))
    accounts.give_consent(user=ada)
    accounts.withdraw_consent(user=ada)
    assert [kind for kind, _ in events(hook)] == ["attempt.ended", "consent.withdrawn"]
    accounts.delete_account(user=ada)
    assert [kind for kind, _ in events(hook)] == ["attempt.ended", "person.erased"]
    assert events(hook)[-1][1] == {"person": "ada"}


def test_a_secret_is_sealed_and_rotated_with_the_others(
    owner: User, receiver: Receiver, settings: Settings
) -> None:
    old, new = b"o" * 32, b"n" * 32
    settings.LIVENESS_ENCRYPTION_KEYS = [old]
    hook, secret = webhooks.create_webhook(owner=owner, url=receiver.url, events=EVERYTHING)
    assert secret.encode() not in bytes(hook.secret or b"")
    settings.LIVENESS_ENCRYPTION_KEYS = [new, old]
    delivery = webhooks.emit_test(hook=hook)
    before = webhooks.headers(delivery, delivery.event.at)
    list(keyring.rotate(webhooks.SEALED))
    settings.LIVENESS_ENCRYPTION_KEYS = [new]
    delivery.webhook.refresh_from_db()
    assert crypto.is_current(bytes(delivery.webhook.secret or b""))
    assert webhooks.headers(delivery, delivery.event.at) == before


def test_another_secret_signs_from_now_on(hook: Webhook, owner: User) -> None:
    delivery = webhooks.emit_test(hook=hook)
    before = webhooks.headers(delivery, delivery.event.at)["webhook-signature"]
    webhooks.renew_secret(hook=hook, by=owner)
    hook.refresh_from_db()
    assert webhooks.headers(delivery, delivery.event.at)["webhook-signature"] != before


Commits = Callable[..., Any]
HOOKS = "/api/v1/webhooks/"


def test_a_program_makes_tests_and_reads_a_webhook(
    program: Program, receiver: Receiver, django_capture_on_commit_callbacks: Commits
) -> None:
    client = program("webhooks:write")
    body = {"url": receiver.url, "events": ["model.promoted"], "note": "Shop"}
    made = client.post(HOOKS, body, "application/json")
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    mine = f"{HOOKS}{made.json()['id']}/"
    assert "secret" not in client.get(mine).json()
    assert client.get(HOOKS).json()["count"] == 1
    with django_capture_on_commit_callbacks() as callbacks:
        assert client.post(f"{mine}test/").status_code == 202
    assert len(callbacks) == 1
    row = client.get(f"{mine}deliveries/").json()["results"][0]
    assert (row["type"], row["state"], row["log"]) == ("webhook.test", "waiting", [])
    assert client.post(f"{mine}deliveries/{row['id']}/resend/").status_code == 202
    assert client.post(f"{mine}deliveries/999/resend/").status_code == 404
    assert client.post(f"{mine}disable/").json()["why"] == "hand"
    assert client.post(f"{mine}test/").status_code == 409
    assert client.post(f"{mine}deliveries/{row['id']}/resend/").status_code == 409
    assert client.post(f"{mine}enable/").json()["disabled"] is None
    assert client.post(f"{mine}secret/").json()["secret"] != made.json()["secret"]
    assert client.delete(mine).status_code == 204
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://shop.example/hook", "https"),
        ("https://169.254.169.254/latest/meta-data", "public internet"),
        ("https://127.0.0.1/", "public internet"),
        ("https://ada:secret@shop.example/", "no user name"),
        ("ftp://shop.example/", "no address"),
        ("https://" + "a" * 70, "no name of a host"),
        ("https://" + "a" * 600, "no more than 500"),
    ],
)
def test_an_address_that_is_never_called_is_refused_at_once(
    program: Program, url: str, word: str
) -> None:
    answer = program().post(HOOKS, {"url": url, "events": ["model.promoted"]}, "application/json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "url"
    assert word in answer.json()["detail"]


def test_webhooks_of_others_are_out_of_reach(hook: Webhook, program: Program) -> None:
    other = program(owner=User.objects.create_superuser("otto", "otto@example.org", "x"))
    assert other.get(HOOKS).json()["count"] == 0
    assert other.get(f"{HOOKS}{hook.pk}/").status_code == 404
    assert other.delete(f"{HOOKS}{hook.pk}/").status_code == 404


@pytest.fixture
def page(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


def test_the_pages_make_test_switch_and_delete(
    page: Client, receiver: Receiver, django_capture_on_commit_callbacks: Commits
) -> None:
    assert "There is no webhook yet" in page.get("/webhooks/").content.decode()
    body = {"url": receiver.url, "events": ["attempt.ended"], "note": "Shop"}
    made = page.post("/webhooks/", body).content.decode()
    assert "whsec_" in made
    hook = Webhook.objects.get()
    mine = f"/webhooks/{hook.pk}/"
    shown = page.get(mine).content.decode()
    assert "whsec_" not in shown
    assert "Nothing yet" in shown
    with django_capture_on_commit_callbacks() as callbacks:
        page.post(f"{mine}test/")
        page.post(f"{mine}resend/{hook.deliveries.get().pk}/")
    assert len(callbacks) == 2
    assert "Not tried yet" in page.get(mine).content.decode()
    page.post(f"{mine}disable/")
    assert "Switched off" in page.get(mine).content.decode()
    page.post(f"{mine}enable/")
    assert "whsec_" in page.post(f"{mine}secret/").content.decode()
    assert page.post(f"{mine}promote/").status_code == 404
    assert page.post(f"{mine}delete/", follow=True).status_code == 200
    assert not Webhook.objects.exists()


def test_a_wrong_address_is_explained_beside_its_field(page: Client) -> None:
    answer = page.post("/webhooks/", {"url": "http://10.0.0.7/", "events": ["attempt.ended"]})
    assert "Events go to https addresses alone." in answer.content.decode()
    assert not Webhook.objects.exists()
