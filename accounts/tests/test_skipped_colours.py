"""Whoever skips the changing colours is asked for something else instead."""

from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests import flows

pytestmark = pytest.mark.django_db


@pytest.fixture
def skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every attempt from here on wanted colours and was made without them."""
    monkeypatch.setattr(
        "liveness.engine.flash.Flash.record", lambda _: {"answer": "skipped", "rounds": []}
    )


@pytest.mark.usefixtures("skipped")
def test_a_face_that_skipped_the_colours_is_not_enough(alice_with_face: User) -> None:
    client = Client()
    page = flows.sign_in(client, "alice")
    assert b"second-factor-missing" in page.content
    assert b"skipped the changing colours" in page.content
    assert not flows.is_signed_in(client)


@pytest.mark.usefixtures("skipped")
def test_with_a_second_factor_it_is_asked_for(alice_with_face: User) -> None:
    TOTP.activate(alice_with_face, "JBSWY3DPEHPK3PXP")
    client = Client()
    response = flows.sign_in(client, "alice")
    assert response["Location"] == reverse("mfa_authenticate")
    assert not flows.is_signed_in(client)


def test_a_face_that_was_not_asked_for_colours_signs_in(alice_with_face: User) -> None:
    client = Client()
    flows.sign_in(client, "alice")
    assert flows.is_signed_in(client)


@pytest.mark.parametrize(("flash", "offered"), [("off", 0), ("stepup", 1), ("always", 1)])
def test_the_way_around_them_is_offered_before_they_begin(
    alice_with_face: User, settings: Any, flash: str, offered: int
) -> None:
    settings.LIVENESS_FLASH = flash
    client = Client()
    client.post(reverse("accounts:signin_face"), {"username": "alice"})
    page = client.get(reverse("accounts:signin_capture")).content
    assert page.count(b'data-test="flash-skip"') == offered
