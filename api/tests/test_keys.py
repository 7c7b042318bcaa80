"""What a key opens, and what it does not."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import User
from api import keys
from api.models import ApiKey
from api.tests.conftest import Program

pytestmark = pytest.mark.django_db


def test_a_key_opens_what_its_scope_names(program: Program) -> None:
    reader = program("attempts:read")
    assert reader.get("/api/v1/attempts/").status_code == 200
    refused = reader.get("/api/v1/models/")
    assert refused.status_code == 403
    assert "models:read" in refused.json()["detail"]


def test_reading_is_not_writing_but_writing_is_reading(program: Program) -> None:
    refused = program("attempts:read").post("/api/v1/attempts/undo/")
    assert (refused.status_code, "attempts:write" in refused.json()["detail"]) == (403, True)
    writer = program("attempts:write")
    assert writer.get("/api/v1/attempts/").status_code == 200
    assert writer.post("/api/v1/attempts/undo/").status_code == 409


def test_a_key_may_no_more_than_its_owner(program: Program) -> None:
    clerk = User.objects.create_user("carl", is_staff=True)
    assert program("attempts:read", owner=clerk).get("/api/v1/attempts/").status_code == 403


def test_no_key_is_unauthorised_and_says_how(client: Client) -> None:
    answer = client.get("/api/v1/attempts/")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="api"')


@pytest.mark.parametrize(
    "text", ["", "lg_", "lg_00000000_x", "nothing", "lg__", "ü", "\x00_\x00_\x00"]
)
def test_an_invented_key_is_refused(db: None, text: str) -> None:
    answer = Client(headers={"Authorization": f"Bearer {text}"}).get("/api/v1/attempts/")
    assert answer.status_code == 401
    assert answer.json()["code"] == "authentication_failed"


def test_the_right_prefix_with_a_wrong_secret_is_refused(owner: User) -> None:
    key, text = keys.create_key(owner=owner, name="a", scopes=["attempts:read"])
    assert keys.find_key(text) == key
    assert keys.find_key(text[:-1]) is None
    assert keys.find_key(f"xx{text[2:]}") is None


def test_a_revoked_an_expired_and_an_orphaned_key_are_refused(owner: User) -> None:
    key, text = keys.create_key(owner=owner, name="a", scopes=["attempts:read"])
    keys.revoke_key(key=key, by=owner)
    assert keys.find_key(text) is None
    past = timezone.now() - timedelta(seconds=1)
    _, late = keys.create_key(owner=owner, name="b", scopes=["attempts:read"], expires=past)
    assert keys.find_key(late) is None
    _, good = keys.create_key(owner=owner, name="c", scopes=["attempts:read"])
    assert keys.find_key(good) is not None
    User.objects.update(is_staff=False)
    assert keys.find_key(good) is None


def test_the_secret_is_stored_nowhere(owner: User) -> None:
    key, text = keys.create_key(owner=owner, name="a", scopes=["attempts:read"])
    secret = text.split("_", 2)[2]
    stored = str(ApiKey.objects.filter(pk=key.pk).values().get())
    assert secret not in stored
    assert keys.digest(secret) in stored


def test_its_last_use_is_noted(program: Program) -> None:
    client = program("attempts:read")
    assert ApiKey.objects.get().last_used is None
    client.get("/api/v1/attempts/")
    assert ApiKey.objects.get().last_used is not None


def test_keys_have_budgets_of_their_own(program: Program) -> None:
    hasty, calm = program("attempts:read", per_minute=2), program("attempts:read", per_minute=2)
    assert [hasty.get("/api/v1/attempts/").status_code for _ in range(3)] == [200, 200, 429]
    assert calm.get("/api/v1/attempts/").status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["shop.example", "http://shop.example", "https://a/b", "https://a;b", "https://*", "*"],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="no origin"):
        keys.origin_of(origin)


def test_origins_are_kept_bare() -> None:
    assert keys.origin_of("https://Shop.example:8443/") == "https://shop.example:8443"
    assert keys.origin_of("http://localhost:9000") == "http://localhost:9000"


def test_the_page_shows_a_key_once(owner: User) -> None:
    page = Client()
    page.force_login(owner)
    assert "There is no key yet" in page.get("/keys/").content.decode()
    body = {"name": "Shop", "scopes": ["attempts:read"], "days": "30", "per_minute": "60"}
    made = page.post("/keys/", {**body, "origins": "https://shop.example"}).content.decode()
    found = re.search(r"lg_[0-9a-f]{8}_[\w-]{43}", made)
    assert found is not None
    key = keys.find_key(found[0])
    assert key is not None
    assert (key.origins, key.per_minute) == (["https://shop.example"], 60)
    assert found[0] not in page.get("/keys/").content.decode()
    page.post(f"/keys/{key.pk}/revoke/")
    assert keys.find_key(found[0]) is None


def test_the_page_is_for_staff_with_the_permission(client: Client) -> None:
    assert client.get("/keys/").status_code == 302
    client.force_login(User.objects.create_user("sam", is_staff=True))
    assert client.get("/keys/").status_code == 403


def test_nobody_revokes_the_key_of_somebody_else(owner: User) -> None:
    from django.contrib.auth.models import Permission

    key, _ = keys.create_key(owner=owner, name="a", scopes=["attempts:read"])
    other = User.objects.create_user("otto", is_staff=True)
    other.user_permissions.add(Permission.objects.get(codename="add_apikey"))
    page = Client()
    page.force_login(other)
    assert page.post(f"/keys/{key.pk}/revoke/").status_code == 404
    key.refresh_from_db()
    assert key.works()


def test_the_command_makes_lists_and_revokes(owner: User, capsys: Any) -> None:
    call_command("api_key", "create", "olga", "--name=Shop", "--scope=checks:write")
    text = capsys.readouterr().out.strip()
    key = keys.find_key(text)
    assert key is not None
    call_command("api_key", "list")
    listed = capsys.readouterr().out
    assert key.prefix in listed
    assert text not in listed
    call_command("api_key", "revoke", key.prefix)
    assert keys.find_key(text) is None
    with pytest.raises(CommandError, match="at least one"):
        call_command("api_key", "create", "olga", "--name=Nothing")
    with pytest.raises(CommandError, match="no account"):
        call_command("api_key", "create", "nobody", "--name=x", "--scope=checks:write")
