import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import FaceTemplate, User
from accounts.tests import flows
from liveness.models import Attempt
from liveness.tests.fakes import ALICE, MALLORY, passed_attempt

pytestmark = pytest.mark.django_db


def test_the_right_face_signs_in_and_rotates_the_session_key(alice_with_face: User) -> None:
    client = Client()
    page = flows.capture_page(client, "alice")
    before = client.session.session_key
    attempt = flows.look_into_camera(client, page)
    response = flows.finish(client, attempt.pk)
    assert response["Location"] == reverse("accounts:overview")
    assert client.session["_auth_user_id"] == str(alice_with_face.pk)
    assert client.session.session_key != before


@pytest.mark.parametrize("typed", ["Alice", " alice ", "ALICE@example.org"])
def test_a_name_may_be_typed_in_several_ways(alice_with_face: User, typed: str) -> None:
    client = Client()
    flows.sign_in(client, typed)
    assert flows.is_signed_in(client)


def test_a_wrong_face_an_unknown_name_and_a_person_without_face_get_one_answer(
    alice_with_face: User,
) -> None:
    User.objects.create_user("berta", "berta@example.org", flows.PASSWORD)
    answers = [flows.sign_in(Client(), name, MALLORY) for name in ("alice", "nobody", "berta")]
    assert {answer.status_code for answer in answers} == {403}
    assert len({_templates(answer) for answer in answers}) == 1
    assert len({_without_tokens(answer.content) for answer in answers}) == 1


def test_the_pages_before_the_refusal_do_not_tell_who_exists(alice_with_face: User) -> None:
    pages = [flows.capture_page(Client(), name) for name in ("alice", "nobody")]
    assert len({_without_tokens(page.content) for page in pages}) == 1


def test_an_inactive_person_is_refused_like_a_stranger(alice_with_face: User) -> None:
    User.objects.update(is_active=False)
    client = Client()
    assert flows.sign_in(client, "alice").status_code == 403
    assert not flows.is_signed_in(client)


def test_an_attempt_of_another_browser_is_refused(alice_with_face: User) -> None:
    theirs = Client()
    attempt = flows.look_into_camera(theirs, flows.capture_page(theirs, "alice"))
    mine = Client()
    flows.capture_page(mine, "alice")
    assert flows.finish(mine, attempt.pk).status_code == 403
    assert not flows.is_signed_in(mine)


def test_an_attempt_is_used_once(alice_with_face: User) -> None:
    client = Client()
    page = flows.capture_page(client, "alice")
    attempt = flows.look_into_camera(client, page, MALLORY)
    assert flows.finish(client, attempt.pk).status_code == 403
    assert flows.finish(client, attempt.pk).status_code == 403
    attempt.refresh_from_db()
    assert attempt.reason == "no_match"
    assert not flows.is_signed_in(client)


def test_an_attempt_that_never_passed_is_refused(alice_with_face: User) -> None:
    client = Client()
    page = flows.capture_page(client, "alice")
    assert flows.finish(client, page.context["attempt"].pk).status_code == 403


def test_an_expired_attempt_is_refused(alice_with_face: User) -> None:
    client = Client()
    attempt = flows.look_into_camera(client, flows.capture_page(client, "alice"))
    Attempt.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert flows.finish(client, attempt.pk).status_code == 403


def test_an_enrolment_attempt_signs_nobody_in(alice_with_face: User) -> None:
    client = Client()
    flows.capture_page(client, "alice")
    key = client.session.session_key or ""
    attempt = passed_attempt(purpose="enrol", session_key=key, user=alice_with_face)
    assert flows.finish(client, attempt.pk).status_code == 403


@pytest.mark.parametrize("attempt", ["", "x", "00000000-0000-0000-0000-000000000000"])
def test_an_attempt_that_does_not_exist_is_refused(attempt: str) -> None:
    assert flows.finish(Client(), attempt).status_code == 403


def test_a_damaged_template_refuses_instead_of_failing(alice_with_face: User) -> None:
    FaceTemplate.objects.update(sealed=b"damaged")
    client = Client()
    assert flows.sign_in(client, "alice").status_code == 403
    assert not flows.is_signed_in(client)


def test_the_form_needs_its_csrf_token(alice_with_face: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post(reverse("accounts:signin_finish"), {"attempt": "x"}).status_code == 403


@pytest.mark.parametrize("target", ["/account/delete/", "/review/?state=failed"])
def test_the_way_goes_on_to_where_it_came_from(alice_with_face: User, target: str) -> None:
    assert flows.sign_in(Client(), "alice", target=target)["Location"] == target


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil", ""]
)
def test_the_way_never_leaves_this_site(alice_with_face: User, target: str) -> None:
    response = flows.sign_in(Client(), "alice", target=target)
    assert response["Location"] == reverse("accounts:overview")


def test_the_camera_page_without_a_name_asks_for_it() -> None:
    response = Client().get(reverse("accounts:signin_capture"))
    assert response["Location"] == reverse("accounts:signin_face")


def test_the_log_tells_of_sign_ins_and_refusals_without_scores(
    alice_with_face: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "livegate.auth")
    flows.sign_in(Client(), "alice", MALLORY)
    flows.sign_in(Client(), "alice", ALICE)
    lines = [record.getMessage() for record in caplog.records if record.name == "livegate.auth"]
    assert any(line.startswith("face_refused") and "claimed='alice'" in line for line in lines)
    assert any(line.startswith("signed_in") and "way='face'" in line for line in lines)
    assert not any(re.search(r"=-?[01]?\.\d|score", line) for line in lines)


def test_a_name_cannot_forge_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "livegate.auth")
    data = {"login": "x\nsigned_in user=1", "password": "wrong"}
    Client().post(reverse("account_login"), data)
    assert caplog.records
    assert not any("\n" in record.getMessage() for record in caplog.records)


def _templates(answer: Any) -> tuple[str, ...]:
    return tuple(template.name for template in answer.templates)


def _without_tokens(body: bytes) -> str:
    """What differs from one visit to the next is random: tokens, tickets and attempt ids."""
    text = re.sub(
        r'(csrfmiddlewaretoken" value|data-ticket|data-attempt)="[^"]*"', "", body.decode()
    )
    return re.sub(r"\s+", " ", text)
