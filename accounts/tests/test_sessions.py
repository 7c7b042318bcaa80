"""Where somebody is signed in: what is shown, what is kept, and what ends it."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import browsers, history, sessions
from accounts.models import User
from accounts.tests import flows

PAGE, OVERVIEW = reverse("accounts:sessions"), reverse("accounts:overview")
TELEPHONE = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"
LAPTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def browser(user_agent: str = LAPTOP, address: str = "192.0.2.77") -> Client:
    client = Client(REMOTE_ADDR=address, headers={"user-agent": user_agent})
    data = {"login": "alice", "password": flows.PASSWORD}
    client.post(reverse("account_login"), data)
    assert works(client)
    return client


def works(client: Client) -> bool:
    return bool(client.get(OVERVIEW).status_code == 200)


def test_every_browser_is_listed_in_words_and_this_one_is_marked(alice: User) -> None:
    browser(TELEPHONE, "198.51.100.9")
    page = browser().get(PAGE).content.decode()
    here = page.split('data-test="session-here"')[1].split("</tr>")[0]
    assert "Firefox on Linux" in here
    assert "This one" in here
    there = page.split('data-test="session"')[1].split("</tr>")[0]
    assert "Chrome on Android" in there
    assert "198.51.100.0/24" in there


@pytest.mark.parametrize(
    ("address", "kept"), [("192.0.2.77", "192.0.2.0"), ("2001:db8:1:2::3", "2001:db8:1::")]
)
def test_of_an_address_the_network_alone_is_kept(alice: User, address: str, kept: str) -> None:
    browser(address=address)
    assert UserSession.objects.get().ip == kept
    assert address not in str(history.export(alice)["sessions"])


def test_a_session_by_face_is_listed_too(alice_with_face: User) -> None:
    client = Client()
    flows.sign_in(client, "alice")
    assert b"session-here" in client.get(PAGE).content
    assert b"only-here" in client.get(PAGE).content


def test_one_is_ended_and_the_others_go_on(alice: User) -> None:
    lost, other, here = browser(TELEPHONE), browser(), browser()
    row = UserSession.objects.get(session_key=lost.session.session_key)
    here.post(PAGE, {"end": row.pk})
    assert (works(lost), works(other), works(here)) == (False, True, True)


def test_everywhere_else_is_ended_at_once(alice: User) -> None:
    others, here = [browser(), browser(TELEPHONE)], browser()
    here.post(PAGE, {"end": "others"})
    assert [works(client) for client in others] == [False, False]
    assert works(here)


@pytest.mark.parametrize("named", ["", "0", "-1", "x", "²", "99999999"])
def test_what_is_no_session_ends_nothing(alice: User, named: str) -> None:
    here = browser()
    assert b"no such session" in here.post(PAGE, {"end": named}, follow=True).content
    assert works(here)


def test_nobody_ends_the_session_of_another_person(alice: User) -> None:
    theirs = browser()
    bob = User.objects.create_user("bob", "bob@example.org", flows.PASSWORD)
    flows.signed_in(bob).post(PAGE, {"end": UserSession.objects.get(user=alice).pk})
    assert works(theirs)


def test_a_new_password_ends_the_others_and_keeps_this_one(alice: User) -> None:
    other, here = browser(), browser()
    key = other.session.session_key
    new = "eleven yellow boats"
    data = {"oldpassword": flows.PASSWORD, "password1": new, "password2": new}
    assert here.post(reverse("account_change_password"), data).status_code == 302
    assert works(here)
    assert not works(other)
    assert not other.session.exists(str(key))
    assert len(sessions.places(alice, "")) == 1


@pytest.mark.parametrize("erase", ["accounts:delete_face", "accounts:withdraw_consent"])
def test_erasing_the_face_ends_the_others(alice_with_face: User, erase: str) -> None:
    by_face, here = Client(), browser()
    flows.sign_in(by_face, "alice")
    here.post(reverse(erase))
    assert works(here)
    assert not works(by_face)


def test_last_seen_follows_and_is_written_once_a_minute(alice: User) -> None:
    client = browser()
    long_ago = timezone.now() - timedelta(hours=3)
    UserSession.objects.update(last_seen_at=long_ago)
    works(client)
    assert UserSession.objects.get().last_seen_at == long_ago
    cache.clear()
    works(client)
    assert UserSession.objects.get().last_seen_at > long_ago


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (LAPTOP, "Firefox on Linux"),
        (TELEPHONE, "Chrome on Android"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537.36 Edg/140", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU) Version/18.0 Mobile Safari/604.1", "Safari on an iPhone"),
        ("Mozilla/5.0 (Macintosh) Version/18.0 Safari/605.1", "Safari on a Mac"),
        ("curl/8.0", "An unknown browser"),
        ("", "An unknown browser"),
    ],
)
def test_browsers_in_words(said: str, words: str) -> None:
    assert browsers.in_words(said) == words


def test_administrators_see_no_keys_of_sessions(alice: User) -> None:
    root = User.objects.create_superuser("root", "root@example.org", flows.PASSWORD)
    page: Any = flows.signed_in(root).get("/admin/")
    assert b"usersessions" not in page.content
    assert b"/admin/mfa/" not in page.content


def test_pages_open_while_the_cache_is_away(
    alice: User, settings: Any, unused_tcp_port: int
) -> None:
    client = browser()
    before = UserSession.objects.get().last_seen_at
    backend = "django.core.cache.backends.redis.RedisCache"
    place = f"redis://127.0.0.1:{unused_tcp_port}/0"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": place}}
    assert works(client)
    assert UserSession.objects.get().last_seen_at > before
