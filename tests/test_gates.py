"""Staff pages behind a second factor, and dangerous steps behind a fresh one: on pages, over the API, at the socket."""

import time
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP
from channels.testing import WebsocketCommunicator
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts import policies
from accounts.models import User
from accounts.tests import flows
from accounts.tests.test_second_factor import SECRET, code, give_code
from liveness.tests.fakes import ALICE
from portal.gates import FRESH, NOT_ALLOWED, OPEN, StaffSocket
from tests.test_every_address import PORTAL, STAFF, _audience, _example

RECORDS = "account_authentication_methods"


@pytest.fixture(autouse=True)
def _fresh_rate_limits() -> None:
    cache.clear()


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root", "root@example.org", flows.PASSWORD)


def age(client: Client, seconds: float) -> None:
    """As if everything that was proven in this session had been proven so much earlier."""
    session = client.session
    for record in session[RECORDS]:
        record["at"] -= seconds
    session.save()


def by_face(user: User, *, app: bool = False) -> Client:
    """Signed in with the face, and with a code if there is an app."""
    flows.enrol(user, ALICE)
    client = Client()
    flows.sign_in(client, user.username)
    if app:
        give_code(client, code())
    assert flows.is_signed_in(client)
    return client


def need_second_factor() -> None:
    policies.set_policy(group=None, rule="face", staff_pages=True)


# Pages of the staff.


@pytest.mark.parametrize("route", ["admin/", *(r for r in PORTAL if _audience(r) == STAFF)])
def test_every_page_of_the_staff_is_closed_without_a_second_factor(root: User, route: str) -> None:
    need_second_factor()
    client = Client()
    client.force_login(root)
    answer = client.get(_example(route))
    if route.startswith("api/"):
        assert answer.status_code == 403
        assert answer.json()["code"] == "factor_missing"
    else:
        assert answer.headers["Location"] == reverse("accounts:step")


def test_a_face_goes_as_far_as_the_own_account_and_a_code_opens_the_rest(root: User) -> None:
    TOTP.activate(root, SECRET)
    client = by_face(root, app=True)
    session = client.session
    session[RECORDS] = [row for row in session[RECORDS] if row["method"] == "face"]
    session.save()
    need_second_factor()
    assert client.get(reverse("accounts:overview")).status_code == 200
    asked = client.get("/review/?state=failed")
    assert asked["Location"].startswith(reverse("mfa_reauthenticate"))
    assert client.post(reverse("account_reauthenticate"), {"password": flows.PASSWORD})[
        "Location"
    ].startswith(reverse("mfa_reauthenticate"))
    cache.clear()  # The app shows one code for half a minute, and each is taken once.
    answer = client.post(asked["Location"], {"code": code()})
    assert answer["Location"] == "/review/?state=failed"
    assert client.get("/review/").status_code == 200


def test_people_who_are_no_staff_are_not_concerned(db: None) -> None:
    need_second_factor()
    client = flows.signed_in(User.objects.create_user("bob", "bob@example.org", flows.PASSWORD))
    assert client.get(reverse("accounts:overview")).status_code == 200


# Steps that need a fresh factor.

CAMERA = "/account/face/capture/"
DANGEROUS = [
    "/models/roll-back/",
    "/models/1/promote/",
    "/keys/",
    "/account/delete/",
    CAMERA,
    "/auth/second-factor/totp/activate/",
    "/auth/second-factor/webauthn/add/",
    "/auth/second-factor/recovery-codes/",
    "/auth/second-factor/recovery-codes/generate/",
    "/admin/accounts/signinpolicy/add/",
    "/admin/accounts/user/add/",
]
ALSO_STAFFS = {
    "/models/roll-back/",
    "/models/1/promote/",
    "/keys/",
    "/admin/accounts/signinpolicy/add/",
    "/admin/accounts/user/add/",
}
CHANGES = [
    "/admin/liveness/modelversion/",
    "/admin/accounts/user/",
    "/admin/accounts/facetemplate/1/delete/",
]
API_CHANGES = [
    ("POST", "/api/v1/models/roll-back/"),
    ("POST", "/api/v1/models/1/promote/"),
    ("DELETE", "/api/v1/people/alice/"),
    ("DELETE", "/api/v1/people/alice/face/"),
]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", path) for path in DANGEROUS]
    + [("POST", path) for path in DANGEROUS if path != CAMERA],
)
def test_a_dangerous_step_asks_for_a_fresh_proof(root: User, method: str, path: str) -> None:
    client = flows.signed_in(root)
    age(client, 601)
    asked = client.generic(method, path)
    assert asked["Location"].startswith(f"{reverse('account_reauthenticate')}?next=")
    back = client.post(asked["Location"], {"password": flows.PASSWORD})
    assert back["Location"] == path
    assert client.get(path).status_code in (200, 302, 404)
    assert "reauthenticate" not in client.get(path).headers.get("Location", "")


@pytest.mark.parametrize("path", sorted(ALSO_STAFFS))
def test_who_has_no_rights_there_is_refused_instead_of_asked_for_a_proof(
    db: None, path: str
) -> None:
    bob = User.objects.create_user("bob", "bob@example.org", flows.PASSWORD)
    client = flows.signed_in(bob)
    age(client, 601)
    for answer in (client.get(path), client.post(path)):
        assert answer.status_code in (302, 403, 404)
        assert "reauthenticate" not in answer.headers.get("Location", "")


@pytest.mark.parametrize(
    ("came_from", "back"),
    [
        ("http://testserver/keys/?x=1", "/keys/?x=1"),
        ("https://elsewhere.example/keys/", "/models/roll-back/"),
        ("nonsense", "/models/roll-back/"),
    ],
)
def test_after_the_proof_one_is_back_at_the_form(root: User, came_from: str, back: str) -> None:
    client = flows.signed_in(root)
    age(client, 601)
    asked = client.post("/models/roll-back/", headers={"referer": came_from})
    answer = client.post(asked["Location"], {"password": flows.PASSWORD})
    assert answer["Location"] == back


@pytest.mark.parametrize("path", DANGEROUS)
def test_a_face_is_no_fresh_proof(root: User, path: str) -> None:
    asked = by_face(root).get(path)
    assert asked["Location"].startswith(reverse("account_reauthenticate"))


@pytest.mark.parametrize("path", DANGEROUS)
def test_where_there_is_a_second_factor_the_password_is_no_fresh_proof(
    root: User, path: str
) -> None:
    client = flows.signed_in(root)
    TOTP.activate(root, SECRET)
    asked = client.get(path)
    assert asked["Location"].startswith(reverse("mfa_reauthenticate"))


def test_after_a_face_the_code_of_minutes_ago_is_enough(root: User) -> None:
    TOTP.activate(root, SECRET)
    client = by_face(root, app=True)
    assert client.get("/keys/").status_code == 200
    age(client, 601)
    assert client.get("/keys/")["Location"].startswith(reverse("mfa_reauthenticate"))


@pytest.mark.parametrize("path", CHANGES)
def test_what_is_read_in_the_admin_is_changed_with_a_fresh_proof_alone(
    root: User, path: str
) -> None:
    client = flows.signed_in(root)
    age(client, 601)
    answer = client.post(path, {"password1": "not to be kept"})
    assert answer["Location"].startswith(reverse("account_reauthenticate"))
    assert "not to be kept" not in str(dict(client.session))


ADDRESSES = "/auth/email/"
SECOND = {"email": "second@example.org"}


@pytest.mark.parametrize(
    "action",
    [
        {"action_add": ""},
        {"action_add": "", "action_send": ""},
        {"action_primary": ""},
        {"action_remove": ""},
        {},
    ],
)
def test_an_address_is_changed_with_a_fresh_proof_alone(root: User, action: dict[str, str]) -> None:
    """Whoever reads one of them can have the password reset."""
    client = flows.signed_in(root)
    age(client, 601)
    assert client.get(ADDRESSES).status_code == 200
    came_from = {"referer": f"http://testserver{ADDRESSES}"}
    asked = client.post(ADDRESSES, SECOND | action, headers=came_from)
    assert asked["Location"].startswith(reverse("account_reauthenticate"))
    assert not EmailAddress.objects.filter(**SECOND).exists()
    back = client.post(asked["Location"], {"password": flows.PASSWORD})
    assert back["Location"] == ADDRESSES
    assert client.post(ADDRESSES, SECOND | action)["Location"] == ADDRESSES
    assert EmailAddress.objects.filter(**SECOND).exists() == ("action_add" in action)


def test_a_face_adds_no_address_and_a_confirmation_is_sent_again_without_a_proof(
    root: User,
) -> None:
    client = by_face(root)
    client.post(ADDRESSES, SECOND | {"action_add": ""})
    assert not EmailAddress.objects.filter(**SECOND).exists()
    EmailAddress.objects.create(user=root, **SECOND)
    assert client.post(ADDRESSES, SECOND | {"action_send": ""})["Location"] == ADDRESSES


def test_reading_asks_for_nothing(root: User) -> None:
    client = flows.signed_in(root)
    age(client, 601)
    for path in ("/admin/", "/review/", "/models/", "/training/", "/admin/accounts/user/"):
        assert client.get(path).status_code == 200


@pytest.mark.parametrize(("method", "path"), API_CHANGES)
def test_over_the_api_a_session_needs_a_fresh_proof_too(root: User, method: str, path: str) -> None:
    client = flows.signed_in(root)
    age(client, 601)
    answer = client.generic(method, path)
    assert answer.status_code == 403
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "fresh_factor_needed"
    assert client.get("/api/v1/models/").status_code == 200


def test_an_account_with_nothing_to_prove_itself_with_is_told_what_to_do(root: User) -> None:
    client = by_face(root)
    root.set_unusable_password()
    User.objects.filter(pk=root.pk).update(password=root.password)
    session = client.session
    session["_auth_user_hash"] = User.objects.get(pk=root.pk).get_session_auth_hash()
    session.save()
    answer = client.get("/keys/")
    assert answer.status_code == 403
    assert b"no-proof" in answer.content


def test_every_name_in_the_lists_is_a_page() -> None:
    from django.urls import get_resolver

    def names(patterns: Any, before: str = "") -> Any:
        for pattern in patterns:
            if hasattr(pattern, "url_patterns"):
                space = f"{pattern.namespace}:" if pattern.namespace else ""
                yield from names(pattern.url_patterns, before + space)
            else:
                yield f"{before}{pattern.name}"

    known = set(names(get_resolver().url_patterns))
    assert known >= OPEN
    assert known >= FRESH


# The socket of a run.


def _session(user: User) -> SessionStore:
    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session[RECORDS] = [{"method": "password", "at": time.time()}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.create()
    return session


async def _accepting(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/ws/training/1/", "/ws/liveness/"])
@pytest.mark.parametrize("needed", [False, True])
async def test_the_socket_of_the_staff_is_refused_like_its_page(path: str, needed: bool) -> None:
    from asgiref.sync import sync_to_async

    user = await sync_to_async(User.objects.create_superuser)("root", "", flows.PASSWORD)
    if needed:
        await sync_to_async(need_second_factor)()
    socket = WebsocketCommunicator(StaffSocket(_accepting, path="/ws/training/"), path)
    socket.scope["session"] = await sync_to_async(_session)(user)
    connected, code_ = await socket.connect()
    refused = needed and "training" in path
    assert connected is not refused
    assert not refused or code_ == NOT_ALLOWED
    await socket.disconnect()
