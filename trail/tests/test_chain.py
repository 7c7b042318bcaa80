import json
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from pytest_django.fixtures import Settings

from trail import chain, triggers
from trail.models import AppendOnly, AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def guarded() -> Iterator[None]:
    """The guards that a real site has; other tests go without them."""
    triggers.install(connection)
    yield
    triggers.remove(connection)


@pytest.fixture
def three(guarded: None) -> list[AuditEntry]:
    return [chain.append("signed_in", subject=n, actor=n, way="face", count=n) for n in (1, 2, 3)]


def test_each_entry_covers_the_one_before(three: list[AuditEntry]) -> None:
    assert three[0].previous == chain.GENESIS
    assert [entry.previous for entry in three[1:]] == [entry.digest for entry in three[:-1]]
    assert chain.verify() == chain.Whole(3, three[-1].digest)


def test_an_empty_trail_is_whole(guarded: None) -> None:
    assert chain.verify() == chain.Whole(0, chain.GENESIS)


def test_an_entry_is_neither_changed_nor_deleted_by_the_models(three: list[AuditEntry]) -> None:
    three[0].event = "other"
    for change in (
        three[0].save,
        three[0].delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(event="other"),
        lambda: AuditEntry.objects.bulk_update(three, ["event"]),
    ):
        with pytest.raises(AppendOnly):
            change()
    chain.verify()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trail_auditentry SET event = 'other' WHERE number = 2",
        "DELETE FROM trail_auditentry WHERE number = 3",
        "DELETE FROM trail_auditentry",
        "INSERT OR REPLACE INTO trail_auditentry SELECT number, at, 'other', subject, actor, facts,"
        " previous, digest FROM trail_auditentry WHERE number = 2",
    ],
)
def test_the_database_refuses_too(three: list[AuditEntry], statement: str) -> None:
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    chain.verify()


@pytest.mark.parametrize(
    ("statement", "number", "words"),
    [
        ("UPDATE trail_auditentry SET event = 'other' WHERE number = 2", 2, "content"),
        ("UPDATE trail_auditentry SET facts = '{}' WHERE number = 3", 3, "content"),
        ("UPDATE trail_auditentry SET at = '2020-01-01' WHERE number = 1", 1, "content"),
        ("DELETE FROM trail_auditentry WHERE number = 2", 2, "missing"),
        ("DELETE FROM trail_auditentry WHERE number = 1", 1, "missing"),
    ],
)
def test_whoever_gets_past_the_guards_is_found_out(
    three: list[AuditEntry], statement: str, number: int, words: str
) -> None:
    _behind_the_guards(statement)
    with pytest.raises(chain.Broken, match=words) as broken:
        chain.verify()
    assert broken.value.number == number
    with pytest.raises(CommandError, match=f"broken at entry {number}"):
        call_command("verify_audit")


def test_an_entry_that_was_forged_with_its_digest_breaks_the_next(three: list[AuditEntry]) -> None:
    forged = AuditEntry.objects.get(number=2)
    forged.facts = {"way": "password"}
    digest = chain.digest_of(forged)
    _behind_the_guards(
        f"UPDATE trail_auditentry SET facts = '{json.dumps(forged.facts)}', digest = '{digest}' "
        "WHERE number = 2"
    )
    with pytest.raises(chain.Broken, match="does not follow") as broken:
        chain.verify()
    assert broken.value.number == 3


def test_a_cut_off_end_is_found_by_a_head_that_was_noted(three: list[AuditEntry]) -> None:
    _behind_the_guards("DELETE FROM trail_auditentry WHERE number = 3")
    assert chain.verify(three[1].digest).entries == 2
    with pytest.raises(chain.Broken, match="is gone"):
        chain.verify(three[2].digest)


def test_missing_guards_are_reported(three: list[AuditEntry]) -> None:
    triggers.remove(connection)
    with pytest.raises(chain.Broken, match="no longer guards"):
        chain.verify()
    triggers.install(connection)
    chain.verify()


def test_the_command_prints_the_head(three: list[AuditEntry]) -> None:
    out = StringIO()
    call_command("verify_audit", noted=three[0].digest, stdout=out)
    assert out.getvalue() == f"3 entries, whole. Head: {three[-1].digest}\n"


@pytest.mark.parametrize("value", [0.93, b"\xff\xd8", ["a"], {"p": 1}])
def test_scores_and_pictures_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="plain facts"):
        chain.append("signed_in", fact=value)
    assert not AuditEntry.objects.exists()


def test_an_entry_goes_with_the_transaction_that_failed(guarded: None) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        chain.append("account_deleted", subject=1)
        raise RuntimeError
    assert chain.append("signed_in", subject=1).number == 1
    chain.verify()


def test_people_are_named_by_a_keyed_digest(settings: Settings) -> None:
    one = chain.append("signed_in", subject=17).subject
    assert len(one) == 32
    assert one != chain.append("signed_in", subject=18).subject
    assert chain.append("signed_in").subject == ""
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    assert chain.pseudonym(17) != one
    assert one in chain.pseudonyms(17)


def _behind_the_guards(statement: str) -> None:
    triggers.remove(connection)
    with connection.cursor() as cursor:
        cursor.execute(statement)
    triggers.install(connection)
