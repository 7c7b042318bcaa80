"""Who may do what is in the trail: each change once, about whom and by whom, whichever way it was made."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests import flows
from trail import chain
from trail.models import AuditEntry

EVENTS = (
    "rights_changed",
    "joined_group",
    "left_group",
    "permission_given",
    "permission_taken",
    "group_permission_given",
    "group_permission_taken",
    "address_added",
    "address_removed",
    "address_changed",
)
Told = tuple[str, str, str, dict[str, Any]]


@pytest.fixture
def group(db: None) -> Group:
    return Group.objects.create(name="reviewers")


@pytest.fixture
def permission(db: None) -> Permission:
    return Permission.objects.get(codename="review_attempt")


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root", "root@example.org", flows.PASSWORD)


def told(since: int = 0) -> list[Told]:
    """(event, subject, actor, facts) of what this page is about, oldest first."""
    rows = AuditEntry.objects.filter(event__in=EVENTS, number__gt=since).order_by("number")
    return [(row.event, row.subject, row.actor, row.facts) for row in rows]


def now() -> int:
    return AuditEntry.objects.order_by("-number").values_list("number", flat=True).first() or 0


def test_an_ordinary_account_has_no_rights_to_tell_of(alice: User) -> None:
    alice.first_name = "Alice"
    alice.save()
    assert told() == []


def test_an_account_that_is_made_with_rights_is_an_entry(root: User) -> None:
    facts = {"staff": True, "superuser": True}
    assert told() == [("rights_changed", chain.pseudonym(root.pk), "", facts)]


@pytest.mark.parametrize("fields", [None, ["is_staff"]])
def test_a_flag_that_is_set_at_a_terminal_is_an_entry_by_nobody(
    alice: User, fields: list[str] | None
) -> None:
    alice.is_staff = True
    alice.save(update_fields=fields)
    alice.save()
    assert told() == [("rights_changed", chain.pseudonym(alice.pk), "", {"staff": True})]
    alice.is_active = alice.is_staff = False
    alice.save()
    assert told()[1:] == [
        ("rights_changed", chain.pseudonym(alice.pk), "", {"active": False, "staff": False})
    ]


def test_a_flag_that_is_not_written_is_no_change(alice: User) -> None:
    alice.is_staff = True
    alice.save(update_fields=["language"])
    assert told() == []


def test_groups_that_somebody_joins_and_leaves(alice: User, group: Group) -> None:
    someone = chain.pseudonym(alice.pk)
    alice.groups.add(group)
    alice.groups.add(group)
    alice.groups.remove(group)
    alice.groups.remove(group)
    alice.groups.set([group])
    alice.groups.clear()
    joined, left = (
        (event, someone, "", {"group": "reviewers"}) for event in ("joined_group", "left_group")
    )
    assert told() == [joined, left] * 2


def test_people_who_are_put_into_a_group(alice: User, group: Group) -> None:
    someone = chain.pseudonym(alice.pk)
    group.user_set.add(alice)
    group.user_set.clear()
    group.user_set.set([alice])
    group.delete()
    joined, left = (
        (event, someone, "", {"group": "reviewers"}) for event in ("joined_group", "left_group")
    )
    assert told() == [joined, left] * 2


def test_permissions_of_people_and_groups(
    alice: User, group: Group, permission: Permission
) -> None:
    someone, name = chain.pseudonym(alice.pk), {"permission": "liveness.review_attempt"}
    alice.user_permissions.add(permission)
    alice.user_permissions.clear()
    permission.user_set.add(alice)
    permission.user_set.remove(alice)
    given, taken = (
        (event, someone, "", name) for event in ("permission_given", "permission_taken")
    )
    assert told() == [given, taken] * 2
    since, of = now(), {"group": "reviewers", **name}
    group.permissions.set([permission])
    permission.group_set.remove(group)
    group.permissions.add(permission)
    group.permissions.clear()
    assert (
        told(since)
        == [
            ("group_permission_given", "", "", of),
            ("group_permission_taken", "", "", of),
        ]
        * 2
    )


def test_the_administration_changes_nothing_unnamed(
    alice: User, group: Group, permission: Permission, root: User
) -> None:
    client, since = flows.signed_in(root), now()
    page = reverse("admin:accounts_user_change", args=[alice.pk])
    form = client.get(page).context["adminform"].form
    data = {name: form[name].value() or "" for name in form.fields if name != "password"}
    moments = {"last_login_0": "", "last_login_1": "", "face_off_0": "", "face_off_1": ""}
    joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00", "is_staff": "on"}
    chosen = {"groups": [group.pk], "user_permissions": [permission.pk], "is_superuser": ""}
    done = client.post(page, {**data, **moments, **joined, **chosen})
    assert done.status_code == 302, done.context["adminform"].form.errors
    someone, by = chain.pseudonym(alice.pk), chain.pseudonym(root.pk)
    assert told(since) == [
        ("rights_changed", someone, by, {"staff": True}),
        ("joined_group", someone, by, {"group": "reviewers"}),
        ("permission_given", someone, by, {"permission": "liveness.review_attempt"}),
    ]


def test_what_is_undone_was_never_told(alice: User, group: Group) -> None:
    with transaction.atomic():
        alice.groups.add(group)
        assert len(told()) == 1
        transaction.set_rollback(True)
    assert told() == []


def test_addresses_are_told_of_and_never_told(alice: User) -> None:
    client = flows.signed_in(alice)
    page = reverse("account_email")
    client.post(page, {"action_add": "", "email": "second@example.org"})
    EmailAddress.objects.filter(email="second@example.org").update(verified=True)
    client.post(page, {"action_primary": "", "email": "second@example.org"})
    client.post(page, {"action_remove": "", "email": "alice@example.org"})
    someone = chain.pseudonym(alice.pk)
    assert told() == [
        (event, someone, someone, {})
        for event in ("address_added", "address_changed", "address_removed")
    ]


def test_signing_in_asks_nothing_more_of_the_database(
    alice: User, django_assert_num_queries: Any
) -> None:
    """What cannot change a right is not looked up."""
    with django_assert_num_queries(1):
        alice.save(update_fields=["last_login"])
    assert flows.is_signed_in(flows.signed_in(alice))
    assert told() == []
    assert Client().get("/").status_code == 200
