"""Which language somebody gets: the one chosen in the footer, else the browser's, else the site's; mails follow."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client, override_settings
from django.utils import translation

from accounts import notices
from accounts.models import FailureNotice, User

pytestmark = pytest.mark.django_db


def _html(client: Client, path: str = "/", **headers: Any) -> str:
    return client.get(path, headers=headers).content.decode()


def _choose(client: Client, language: str, back: str = "/auth/login/") -> Any:
    return client.post("/language/", {"language": language, "next": back})


def test_a_browser_that_asks_for_german_gets_it(client: Client) -> None:
    page = _html(client, **{"accept-language": "de-AT,de;q=0.9,en;q=0.5"})
    assert '<html lang="de" dir="ltr">' in page
    assert "Ein Gesicht öffnet die Tür." in page


def test_a_browser_that_asks_for_neither_gets_the_sites_language(client: Client) -> None:
    assert '<html lang="en" dir="ltr">' in _html(client, **{"accept-language": "fr"})
    with override_settings(LANGUAGE_CODE="de"):
        assert '<html lang="de" dir="ltr">' in _html(client, **{"accept-language": "fr"})
        assert '<html lang="en" dir="ltr">' in _html(client, **{"accept-language": "en"})


def test_what_is_chosen_in_the_footer_counts_more_than_what_the_browser_asks_for(
    client: Client,
) -> None:
    answer = _choose(client, "de")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/auth/login/")
    assert "Mit Passwort anmelden" in _html(client, "/auth/login/", **{"accept-language": "en"})


def test_the_choice_leads_to_no_other_site(client: Client) -> None:
    assert _choose(client, "de", "https://elsewhere.example/").headers["Location"] == "/"


def test_the_choice_is_a_form_with_a_token() -> None:
    assert (
        Client(enforce_csrf_checks=True).post("/language/", {"language": "de"}).status_code == 403
    )
    assert Client().get("/language/").status_code == 405


def test_a_language_that_there_is_not_changes_nothing(client: Client) -> None:
    _choose(client, "xx")
    assert '<html lang="en"' in _html(client)


def test_scripts_speak_the_language_of_the_page(client: Client) -> None:
    assert "Halt bitte still" in _html(client, "/words.js", **{"accept-language": "de"})
    assert "Halt bitte still" not in _html(client, "/words.js")


def test_an_error_page_is_translated_too(client: Client) -> None:
    assert "Hinter dieser Tür ist nichts" in _html(client, "/nothing/", **{"accept-language": "de"})


def test_what_allauth_says_is_said_with_du(client: Client) -> None:
    """Its own German says "Sie"."""
    with translation.override("de"):
        said = translation.gettext(
            "We've sent a code to %(recipient)s. The code expires shortly, so please enter it soon."
        )
    assert said.startswith("Wir haben einen Code an")
    assert "Sie" not in said.split()


def test_a_mail_comes_in_the_language_of_its_reader_not_of_whoever_caused_it(
    client: Client,
) -> None:
    user = User.objects.create_user("anna", "anna@example.org", "correct-horse-7")
    client.force_login(user)
    _choose(client, "de")
    user.refresh_from_db()
    assert user.language == "de"
    with translation.override("en"):
        notices.send(FailureNotice.objects.create(user=user, failures=10, client="192.0.2.0"))
    assert mail.outbox[0].subject == "Warst du das? Gescheiterte Anmeldeversuche"
    assert "der letzte aus dem Netz 192.0.2.0." in mail.outbox[0].body
    assert "Hallo anna," in mail.outbox[0].body


def test_signing_in_remembers_the_language(client: Client) -> None:
    User.objects.create_user("anna", "anna@example.org", "correct-horse-7")
    given = {"login": "anna", "password": "correct-horse-7"}
    client.post("/auth/login/", given, headers={"accept-language": "de"})
    assert User.objects.get().language == "de"


def test_english_mails_stay_as_they_were(client: Client) -> None:
    user = User.objects.create_user("bert", "bert@example.org")
    with translation.override("de"):
        notices.send(FailureNotice.objects.create(user=user, failures=10, client=""))
    assert mail.outbox[0].subject == "Was this you? Failed attempts to sign in"
