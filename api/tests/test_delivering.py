"""Events arrive at a real receiver: signed, at least once, later and later after failures, and by one sender at a time."""

import base64
import importlib.util
import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import User
from api import delivering, events, tasks, webhooks
from api.models import Webhook, WebhookDelivery, WebhookEvent, WebhookTry
from api.sender import Sender
from api.tests.receivers import Receiver

pytestmark = pytest.mark.django_db
EVENTS = ["model.promoted", "person.erased"]
_DAY = 24 * 3600


def _example() -> Any:
    path = Path(__file__).parents[2] / "docs" / "examples" / "livegate_client.py"
    spec = importlib.util.spec_from_file_location("livegate_client", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def made(owner: User, receiver: Receiver) -> tuple[Webhook, str]:
    return webhooks.create_webhook(owner=owner, url=receiver.url, events=EVENTS)


@pytest.fixture
def hook(made: tuple[Webhook, str]) -> Webhook:
    return made[0]


def promoted(name: str = "m1") -> WebhookDelivery:
    return webhooks.emit("model.promoted", {"name": name})[0]


def make_due(delivery: WebhookDelivery) -> None:
    WebhookDelivery.objects.filter(pk=delivery.pk).update(due=timezone.now())


def fresh(delivery: WebhookDelivery) -> WebhookDelivery:
    return WebhookDelivery.objects.get(pk=delivery.pk)


def test_the_signature_is_that_of_the_standards_own_example() -> None:
    """The vector of https://github.com/standard-webhooks/standard-webhooks, its libraries' tests."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = webhooks.sign(
        key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", '{"test": 2432232314}'
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_example_receiver_accepts_an_event_and_nothing_that_was_altered(
    made: tuple[Webhook, str], receiver: Receiver
) -> None:
    _, secret = made
    delivery = promoted()
    assert delivering.deliver(delivery.pk)
    got, check = receiver.got[0], _example().check_webhook
    event = check(got.body, got.headers, secret)
    assert (event["type"], event["data"]) == ("model.promoted", {"name": "m1"})
    assert got.headers["webhook-id"] == f"msg_{delivery.event_id.hex}"
    assert got.headers["Content-Type"] == "application/json"
    for body, headers, other in (
        (got.body + b" ", got.headers, secret),
        (got.body, got.headers, "whsec_" + base64.b64encode(b"x" * 32).decode()),
        (got.body, {**got.headers, "webhook-id": "msg_other"}, secret),
        (got.body, {**got.headers, "webhook-timestamp": "1"}, secret),
        (got.body, {**got.headers, "webhook-signature": "v1,"}, secret),
        (got.body, {}, secret),
    ):
        with pytest.raises(ValueError, match="signed"):
            check(body, headers, other)
    with pytest.raises(ValueError, match="too long ago"):
        check(got.body, got.headers, secret, seconds=-1)


def test_what_arrived_is_sent_no_more(hook: Webhook, receiver: Receiver) -> None:
    delivery = promoted()
    assert delivering.deliver_due() == 1
    assert delivering.deliver_due() == 0
    assert delivering.deliver(delivery.pk)
    assert len(receiver.got) == 1
    assert fresh(delivery).state == "sent"
    log = WebhookTry.objects.get()
    assert (log.status, log.delivery_id) == (204, delivery.pk)


def test_a_failure_is_tried_again_with_the_same_id_and_a_new_time(
    hook: Webhook, receiver: Receiver
) -> None:
    delivery = promoted()
    receiver.status, receiver.body = 500, b"out of order"
    assert not delivering.deliver(delivery.pk)
    row = fresh(delivery)
    assert (row.state, row.tries) == ("waiting", 1)
    assert 3 < (row.due - timezone.now()).total_seconds() < 7
    assert delivering.deliver_due() == 0
    receiver.status = 200
    make_due(delivery)
    assert delivering.deliver_due() == 1
    assert fresh(delivery).state == "sent"
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert {got.body for got in receiver.got} == {delivery.event.body.encode()}
    answers = list(WebhookTry.objects.values_list("status", "answer").order_by("pk"))
    assert answers == [(500, "out of order"), (200, "out of order")]


def test_pauses_grow_over_three_days_with_jitter_and_then_end() -> None:
    waits = [delivering.pause_after(tries) or 0.0 for tries in range(1, 11)]
    assert waits[:7] == sorted(waits[:7])
    assert 2.5 * _DAY < sum(waits) < 4 * _DAY
    assert len({delivering.pause_after(1) for _ in range(20)}) > 1
    assert delivering.pause_after(11) is None
    assert delivering.pause_after(1, asked=300.0) == 300.0
    assert delivering.pause_after(1, asked=10.0 * _DAY) == _DAY


def test_after_the_last_try_it_is_given_up_and_can_be_sent_again(
    hook: Webhook, receiver: Receiver
) -> None:
    delivery = promoted()
    receiver.status = 503
    for _ in range(len(delivering.PAUSES) + 1):
        make_due(delivery)
        assert not delivering.deliver(delivery.pk)
    assert fresh(delivery).state == "failed"
    assert delivering.deliver_due() == 0
    receiver.status = 200
    webhooks.resend(delivery=delivery)
    assert delivering.deliver_due() == 1
    assert fresh(delivery).state == "sent"


def test_nobody_listening_is_a_failure_like_any_other(hook: Webhook, settings: Settings) -> None:
    settings.LIVEGATE_WEBHOOK_ALLOW = ["127.0.0.1:1"]
    Webhook.objects.update(url="http://127.0.0.1:1/")
    assert not delivering.deliver(promoted().pk)
    log = WebhookTry.objects.get()
    assert log.status is None
    assert "refused" in log.answer


def test_an_address_that_is_no_longer_allowed_is_not_called(
    hook: Webhook, receiver: Receiver, settings: Settings
) -> None:
    settings.LIVEGATE_WEBHOOK_ALLOW = []
    assert not delivering.deliver(promoted().pk)
    assert receiver.got == []
    assert "https" in WebhookTry.objects.get().answer


def test_an_owner_who_lost_the_permission_hears_nothing_that_waited(
    hook: Webhook, receiver: Receiver
) -> None:
    delivery = promoted()
    User.objects.update(is_superuser=False)
    assert not delivering.deliver(delivery.pk)
    assert receiver.got == []


def test_a_lost_key_sends_nothing_unsigned(
    hook: Webhook, receiver: Receiver, settings: Settings
) -> None:
    delivery = promoted()
    settings.LIVENESS_ENCRYPTION_KEYS = [b"x" * 32]
    assert not delivering.deliver(delivery.pk)
    assert receiver.got == []
    assert "LIVENESS_ENCRYPTION_KEYS" in WebhookTry.objects.get().answer


def test_after_days_of_failures_it_is_switched_off_and_its_owner_gets_one_mail(
    hook: Webhook, receiver: Receiver
) -> None:
    receiver.status = 500
    first, second = promoted("a"), promoted("b")
    delivering.deliver(first.pk)
    assert Webhook.objects.get().failing_since is not None
    Webhook.objects.update(failing_since=timezone.now() - timedelta(days=5, seconds=1))
    delivering.deliver(second.pk)
    assert (Webhook.objects.get().why, len(mail.outbox)) == ("failing", 1)
    assert mail.outbox[0].to == [hook.owner.email]
    assert f"/webhooks/{hook.pk}/" in mail.outbox[0].body
    make_due(first)
    assert delivering.deliver_due() == 0
    assert webhooks.emit("model.promoted", {}) == []
    receiver.status = 200
    webhooks.enable(hook=hook, by=hook.owner)
    assert delivering.deliver_due() == 2
    assert Webhook.objects.get().failing_since is None


def test_success_ends_the_days_of_failures(hook: Webhook, receiver: Receiver) -> None:
    receiver.status = 500
    delivering.deliver(promoted("a").pk)
    receiver.status = 200
    delivering.deliver(promoted("b").pk)
    assert Webhook.objects.get().failing_since is None


def test_a_receiver_that_says_it_is_gone_is_believed(hook: Webhook, receiver: Receiver) -> None:
    receiver.status = 410
    delivering.deliver(promoted().pk)
    assert (Webhook.objects.get().why, len(mail.outbox)) == ("gone", 1)


def test_a_receiver_that_fails_does_not_hold_up_the_others(
    hook: Webhook, owner: User, receiver: Receiver, settings: Settings
) -> None:
    settings.LIVEGATE_WEBHOOK_ALLOW += ["127.0.0.1:1"]
    webhooks.create_webhook(owner=owner, url="http://127.0.0.1:1/", events=EVENTS)
    for name in "abc":
        webhooks.emit("model.promoted", {"name": name})
    assert delivering.deliver_due() == 4
    assert len(receiver.got) == 3


def test_nobody_is_named_once_all_heard_of_an_erased_person(
    hook: Webhook, receiver: Receiver
) -> None:
    webhooks.emit("person.erased", {"person": "ada"})
    delivering.deliver_due()
    assert json.loads(receiver.got[0].body)["data"] == {"person": "ada"}
    assert WebhookEvent.objects.get().body == ""
    with pytest.raises(webhooks.WebhookError, match="erased"):
        webhooks.resend(delivery=WebhookDelivery.objects.get())


def test_a_try_whose_process_died_is_made_again(hook: Webhook, receiver: Receiver) -> None:
    delivery = promoted()
    assert delivering._claim(delivery.pk) is not None
    assert delivering.deliver_due() == 0
    WebhookDelivery.objects.update(due=timezone.now())
    assert delivering.deliver_due() == 1
    assert len(receiver.got) == 1


def test_old_events_and_their_log_are_forgotten(hook: Webhook, receiver: Receiver) -> None:
    promoted()
    delivering.deliver_due()
    assert webhooks.forget_old() == 0
    assert webhooks.forget_old(timezone.now() + timedelta(days=31)) == 1
    assert not WebhookTry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_senders_at_once_one_sends(hook: Webhook, receiver: Receiver) -> None:
    from django.db import connection

    delivery, gate = promoted(), threading.Barrier(6)

    def send() -> None:
        gate.wait()
        try:
            delivering.deliver(delivery.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.got) == 1
    assert fresh(delivery).tries == 1


@pytest.mark.django_db(transaction=True)
def test_without_a_broker_the_portals_own_thread_sends_after_the_commit(
    hook: Webhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = Sender()
    monkeypatch.setattr(tasks, "sender", sender)
    events.tell("model.promoted", {"name": "m1"})
    assert receiver.got == []
    rounds = threading.Thread(target=sender._round)
    rounds.start()
    rounds.join()
    assert len(receiver.got) == 1
    assert sender._wake.is_set()


def test_a_broker_that_does_not_answer_loses_nothing(
    hook: Webhook,
    receiver: Receiver,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = False

    def unreachable(*args: Any) -> None:
        raise ConnectionError("no broker")

    with monkeypatch.context() as patched:
        patched.setattr(tasks.send_webhook, "delay", unreachable)
        with django_capture_on_commit_callbacks() as callbacks:
            events.tell("model.promoted", {"name": "m1"})
        with pytest.raises(ConnectionError):
            callbacks[0]()
    assert WebhookDelivery.objects.get().state == "waiting"
    monkeypatch.setattr(tasks.send_webhook, "delay", tasks.send_webhook)
    assert tasks.send_due_webhooks() == 1
    assert WebhookDelivery.objects.get().state == "sent"
