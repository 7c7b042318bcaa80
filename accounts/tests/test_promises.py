"""What time takes away, and what people are told before."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import retention, services
from accounts.consent import Purpose
from accounts.models import Consent, FaceTemplate, FailureNotice, SignIn, User
from accounts.tests import flows
from liveness.models import Evidence
from liveness.services import purge
from liveness.tests.fakes import FakeEngine, ended_attempt, spoof

NOW = timezone.now()


def days(number: float) -> timedelta:
    return timedelta(days=number)


def unused_for(number: float) -> None:
    FaceTemplate.objects.update(last_used=NOW - days(number))


def test_a_month_before_a_face_goes_its_owner_gets_one_mail(alice_with_face: User) -> None:
    unused_for(1095 - 31)
    assert retention.sweep(NOW).told == 0
    unused_for(1095 - 29)
    assert retention.sweep(NOW).told == 1
    assert retention.sweep(NOW).told == 0
    (message,) = mail.outbox
    assert message.to == ["alice@example.org"]
    until = NOW + days(29)
    assert f"{until.day} {until:%B %Y}" in message.body
    assert "/signin/face/" in message.body
    assert alice_with_face.has_face


def test_whoever_signs_in_keeps_the_face_and_is_told_again_next_time(alice_with_face: User) -> None:
    unused_for(1095 - 5)
    retention.sweep(NOW)
    flows.sign_in(Client(), "alice")
    assert retention.sweep(NOW).faces == 0
    unused_for(1095 - 5)
    assert retention.sweep(NOW).told == 1


def test_a_face_goes_in_time_with_or_without_a_mail(
    alice_with_face: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_server(*args: object, **values: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(retention, "send_mail", no_server)
    unused_for(1095 - 5)
    assert retention.sweep(NOW).told == 0
    assert FaceTemplate.objects.get().warned is None
    unused_for(1096)
    assert retention.sweep(NOW).faces == 1


def test_the_periods_are_settings(alice_with_face: User, settings: Settings) -> None:
    settings.LIVEGATE_TEMPLATE_DAYS, settings.LIVEGATE_TEMPLATE_NOTICE_DAYS = 100, 10
    unused_for(91)
    assert retention.sweep(NOW).told == 1
    unused_for(101)
    assert retention.sweep(NOW).faces == 1


def test_a_face_whose_consent_ended_in_another_way_goes(alice_with_face: User) -> None:
    Consent.objects.filter(purpose=Purpose.SIGNIN).delete()
    assert retention.sweep(NOW).faces == 1


def test_consents_go_three_years_after_they_were_taken_back(alice: User) -> None:
    services.give_consent(user=alice)
    services.take_back(user=alice, purpose=Purpose.EVIDENCE)
    assert retention.sweep(NOW + days(1094)).consents == 0
    assert retention.sweep(NOW + days(1096)).consents == 1
    assert Consent.objects.get().purpose == Purpose.SIGNIN


@pytest.mark.parametrize(
    ("change", "goes"),
    [
        ({}, True),
        ({"last_login": NOW}, False),
        ({"is_staff": True}, False),
        ({"date_joined": NOW - days(29)}, False),
    ],
)
def test_an_account_that_nobody_ever_confirmed_goes(
    alice: User, change: dict[str, Any], goes: bool
) -> None:
    EmailAddress.objects.create(user=alice, email=alice.email, verified=False)
    User.objects.filter(pk=alice.pk).update(**{"date_joined": NOW - days(31)} | change)
    assert retention.sweep(NOW).accounts == goes
    assert User.objects.filter(pk=alice.pk).exists() != goes


def test_accounts_that_were_confirmed_or_made_by_others_stay(alice: User) -> None:
    berta = User.objects.create_user("berta", "berta@example.org")
    EmailAddress.objects.create(user=berta, email=berta.email, verified=True)
    User.objects.update(date_joined=NOW - days(400))
    assert retention.sweep(NOW).accounts == 0


def test_pictures_of_refused_attempts_go_after_thirty_days(alice: User) -> None:
    services.give_consent(user=alice)
    ended_attempt(FakeEngine(spoof()), claimed="alice", user=alice)
    assert purge(NOW + days(29)).evidence == 0
    assert purge(NOW + days(31)).evidence > 0
    assert not Evidence.objects.exists()


def test_old_records_and_sessions_that_ran_out_go(alice: User) -> None:
    flows.signed_in(alice)
    FailureNotice.objects.create(user=alice, failures=3, created=NOW - days(91))
    SignIn.objects.update(at=NOW - days(91))
    Session.objects.update(expire_date=NOW - days(1))
    retention.sweep(NOW)
    assert not FailureNotice.objects.exists()
    assert not SignIn.objects.exists()
    assert not Session.objects.exists()


def test_without_a_scheduler_sign_ins_drive_it_once_a_day(
    alice: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[int] = []
    monkeypatch.setattr(retention, "sweep", lambda: swept.append(1))
    flows.signed_in(alice)
    flows.signed_in(alice)
    assert swept == [1]
    settings.CELERY_TASK_ALWAYS_EAGER = False
    cache.clear()
    flows.signed_in(alice)
    assert swept == [1]


def test_the_clock_runs_it_daily(settings: Settings) -> None:
    entries = {entry["task"]: entry["schedule"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert (
        entries["accounts.tasks.keep_promises"] == entries["liveness.tasks.purge_evidence"] == 86400
    )
