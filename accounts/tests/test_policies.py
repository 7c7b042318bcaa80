"""What a sign-in needs: which rule counts, what it asks for next, and that nobody learns it before a proof was right."""

import json
import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db.models import ProtectedError
from django.test import Client
from django.urls import reverse

from accounts import policies
from accounts.models import SignIn, SignInPolicy, User
from accounts.policies import Factor, Rule, Step
from accounts.tests import flows
from accounts.tests.test_second_factor import SECRET, code, give_code
from liveness.tests.fakes import MALLORY
from trail.models import AuditEntry

MORE, STEP = reverse("accounts:signin_more"), reverse("accounts:step")
OVERVIEW = reverse("accounts:overview")


def site(rule: str) -> None:
    policies.set_policy(group=None, rule=rule)


def group_of(user: User, rule: str, name: str = "bank") -> Group:
    group = Group.objects.create(name=name)
    user.groups.add(group)
    policies.set_policy(group=group, rule=rule)
    return group


def with_app(user: User) -> User:
    TOTP.activate(user, SECRET)
    return user


def by_password(client: Client, password: str = flows.PASSWORD, name: str = "alice") -> Any:
    return client.post(reverse("account_login"), {"login": name, "password": password})


def works(client: Client) -> bool:
    """Signed in, and in a session that opens the account's pages."""
    return bool(client.get(OVERVIEW).status_code == 200)


# Which rule counts.


def test_without_a_row_the_rule_is_that_of_a_demonstration(alice: User) -> None:
    SignInPolicy.objects.all().delete()
    assert policies.rule_for(alice) == Rule.FACE


@pytest.mark.parametrize("of_site", list(Rule))
@pytest.mark.parametrize("of_group", list(Rule))
def test_of_site_and_group_the_stricter_counts(alice: User, of_site: Rule, of_group: Rule) -> None:
    site(of_site)
    group_of(alice, of_group)
    strictest = max(of_site, of_group, key=list(Rule).index)
    assert policies.rule_for(alice) == strictest


def test_of_several_groups_the_strictest_counts_and_strangers_groups_do_not(alice: User) -> None:
    group_of(alice, Rule.FACE_PASSWORD, "one")
    group_of(alice, Rule.PASSWORD_SECOND, "two")
    bob = User.objects.create_user("bob")
    assert policies.rule_for(alice) == Rule.PASSWORD_SECOND
    assert policies.rule_for(bob) == Rule.FACE


def test_the_operators_floor_cannot_be_undercut(alice: User, settings: Any) -> None:
    settings.LIVEGATE_SECOND_FACTOR = "everybody"
    site(Rule.FACE)
    assert policies.rule_for(alice) == Rule.FACE_SECOND
    site(Rule.PASSWORD_SECOND)
    assert policies.rule_for(alice) == Rule.PASSWORD_SECOND


def test_every_rule_has_a_way_without_a_face() -> None:
    for rule, ways in policies.WAYS.items():
        assert any(Factor.FACE not in way for way in ways), rule


def test_a_group_with_a_policy_cannot_be_deleted_from_under_it(alice: User) -> None:
    with pytest.raises(ProtectedError):
        group_of(alice, Rule.FACE_SECOND).delete()


# What is asked for.


@pytest.mark.parametrize("rule", list(Rule))
@pytest.mark.parametrize("proven", [set(), {Factor.FACE}, {Factor.PASSWORD}, {Factor.SECOND}])
def test_one_factor_is_enough_for_a_demonstration_alone(
    alice_with_face: User, rule: Rule, proven: set[Factor]
) -> None:
    site(rule)
    with_app(alice_with_face)
    alone = rule == Rule.FACE and proven in ({Factor.FACE}, {Factor.PASSWORD})
    assert (policies.next_step(alice_with_face, proven) is None) is alone


def test_face_and_password_in_either_order(alice_with_face: User) -> None:
    site(Rule.FACE_PASSWORD)
    client = Client()
    assert flows.sign_in(client, "alice", target="/account/export/")["Location"] == MORE
    assert not flows.is_signed_in(client)
    assert b"also-password" in client.get(MORE).content
    assert client.post(MORE, {"password": "wrong"}).status_code == 200
    assert not flows.is_signed_in(client)
    answer = client.post(MORE, {"password": flows.PASSWORD})
    assert answer["Location"] == "/account/export/"
    assert works(client)

    other = Client()
    assert by_password(other)["Location"] == MORE
    assert not flows.is_signed_in(other)
    assert b"also-face" in other.get(MORE).content
    page = other.get(reverse("accounts:signin_capture"))
    flows.finish(other, flows.look_into_camera(other, page).pk)
    assert works(other)
    assert set(SignIn.objects.values_list("way", flat=True)) == {SignIn.Way.BOTH}


def test_a_strangers_face_after_the_right_password_signs_nobody_in(alice_with_face: User) -> None:
    site(Rule.FACE_PASSWORD)
    client = Client()
    by_password(client)
    client.get(MORE)
    page = client.get(reverse("accounts:signin_capture"))
    answer = flows.finish(client, flows.look_into_camera(client, page, MALLORY).pk)
    assert answer.status_code == 403
    assert not flows.is_signed_in(client)


def test_without_a_camera_a_second_factor_takes_the_place_of_the_face(
    alice_with_face: User,
) -> None:
    site(Rule.FACE_PASSWORD)
    with_app(alice_with_face)
    client = Client()
    by_password(client)
    give_code(client, code())
    assert works(client)


def test_a_face_and_a_second_factor_still_need_the_password_where_it_is_asked_for(
    alice_with_face: User,
) -> None:
    site(Rule.PASSWORD_SECOND)
    with_app(alice_with_face)
    client = Client()
    flows.sign_in(client, "alice")
    assert give_code(client, code())["Location"] == MORE
    assert not flows.is_signed_in(client)
    client.post(MORE, {"password": flows.PASSWORD})
    assert works(client)


@pytest.mark.parametrize("rule", [Rule.FACE_SECOND, Rule.PASSWORD_SECOND])
def test_a_face_without_the_second_factor_opens_nothing(alice_with_face: User, rule: Rule) -> None:
    site(rule)
    client = Client()
    answer = flows.sign_in(client, "alice")
    assert answer.status_code == 403
    assert b"second-factor-missing" in answer.content
    assert not flows.is_signed_in(client)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rule", [Rule.FACE_SECOND, Rule.FACE_PASSWORD])
def test_a_password_without_the_rest_can_do_nothing_but_set_it_up(alice: User, rule: Rule) -> None:
    site(rule)
    client = Client()
    by_password(client)
    for closed in ("accounts:overview", "accounts:export", "accounts:delete_account"):
        assert client.get(reverse(closed))["Location"] == STEP
    assert client.post(reverse("accounts:delete_face"))["Location"] == STEP
    assert b"step-second" in client.get(STEP).content
    page = client.get(reverse("mfa_activate_totp"))
    client.post(reverse("mfa_activate_totp"), {"code": code(page.context["form"].secret)})
    kinds = set(Authenticator.objects.values_list("type", flat=True))
    assert kinds == {"totp", "recovery_codes"}
    assert works(client)


def test_a_stricter_rule_binds_sessions_that_are_open(alice_with_face: User) -> None:
    with_app(alice_with_face)
    client = Client()
    flows.sign_in(client, "alice")
    give_code(client, code())
    assert works(client)
    site(Rule.PASSWORD_SECOND)
    assert client.get(OVERVIEW)["Location"] == STEP
    assert b'data-missing="password"' in client.get(STEP).content
    site(Rule.FACE_SECOND)
    assert works(client)


def test_an_old_proof_does_not_wait_for_the_other_half(alice_with_face: User) -> None:
    site(Rule.FACE_PASSWORD)
    client = Client()
    flows.sign_in(client, "alice")
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= policies.PATIENCE.total_seconds() + 1
    session.save()
    answer = client.post(MORE, {"password": flows.PASSWORD})
    assert not flows.is_signed_in(client)
    assert answer.status_code in (200, 302)


def test_a_new_account_goes_on_to_its_face_and_is_then_complete(db: None) -> None:
    site(Rule.FACE_PASSWORD)
    client = Client()
    answers = {"username": "carol", "email": "carol@example.org"}
    answers |= {"password1": flows.PASSWORD, "password2": flows.PASSWORD}
    client.post(reverse("account_signup"), answers)
    assert client.get(OVERVIEW)["Location"] == STEP
    client.post(reverse("accounts:consent"), {"face": "on"})
    page = client.get(reverse("accounts:enrol_capture"))
    assert page.status_code == 200
    attempt = flows.look_into_camera(client, page)
    client.post(reverse("accounts:enrol_finish"), {"attempt": str(attempt.pk)})
    assert works(client)


# What strangers learn.


def _words(response: Any) -> str:
    """A page without what differs at every request."""
    text = response.content.decode()
    text = re.sub(r'(name="csrfmiddlewaretoken" value=|data-(ticket|attempt)=)"[^"]*"', "", text)
    return re.sub(r"\b(alice|nobody-at-all)\b", "NAME", text)


def _before_a_proof(name: str) -> list[tuple[int, str]]:
    cache.clear()
    client, seen = Client(), []
    seen.append(by_password(client, "wrong", name))
    page = flows.capture_page(client, name)
    seen.append(page)
    seen.append(flows.finish(client, flows.look_into_camera(client, page, MALLORY).pk))
    seen += [client.get(path) for path in (MORE, STEP, reverse("mfa_authenticate"))]
    return [(answer.status_code, _words(answer)) for answer in seen]


def test_before_a_right_proof_every_rule_and_a_name_of_nobody_look_the_same(
    alice_with_face: User,
) -> None:
    with_app(alice_with_face)
    unknown = _before_a_proof("nobody-at-all")
    for rule in Rule:
        site(rule)
        assert _before_a_proof("alice") == unknown, rule


# Who writes rules.


@pytest.fixture
def root(db: None) -> Client:
    user = User.objects.create_superuser("root", "root@example.org", flows.PASSWORD)
    return flows.signed_in(user)


def test_administrators_set_rules_that_are_explained_and_each_change_is_an_entry(
    root: Client,
) -> None:
    group = Group.objects.create(name="bank")
    add = reverse("admin:accounts_signinpolicy_add")
    page = root.get(add).content.decode()
    assert "For demonstrations" in page
    assert "the strictest counts" in page
    root.post(add, {"group": group.pk, "rule": "face_second"})
    row = SignInPolicy.objects.get(group=group)
    change = reverse("admin:accounts_signinpolicy_change", args=[row.pk])
    root.post(change, {"rule": "password_second"})
    assert SignInPolicy.objects.get(group=group).rule == Rule.PASSWORD_SECOND
    root.post(reverse("admin:accounts_signinpolicy_delete", args=[row.pk]), {"post": "yes"})
    assert not SignInPolicy.objects.filter(group=group).exists()
    entries = AuditEntry.objects.filter(event__startswith="policy_").order_by("number")
    assert [entry.event for entry in entries] == [
        "policy_changed",
        "policy_changed",
        "policy_removed",
    ]
    assert entries[1].facts["before"] == "face_second"
    assert all(entry.actor for entry in entries)
    assert "bank" in json.dumps(entries[0].facts)


def test_the_sites_own_rule_is_there_once_and_stays(root: Client) -> None:
    SignInPolicy.objects.all().delete()
    site(Rule.FACE)
    row = SignInPolicy.objects.get(group=None)
    assert root.get(reverse("admin:accounts_signinpolicy_delete", args=[row.pk])).status_code == 403
    root.post(reverse("admin:accounts_signinpolicy_add"), {"group": "", "rule": "face_second"})
    assert SignInPolicy.objects.get(group=None).rule == Rule.FACE
    listed = root.get(reverse("admin:accounts_signinpolicy_changelist"))
    assert b"For demonstrations" in listed.content


def test_a_step_is_named_for_every_factor() -> None:
    assert {step.value for step in Step} == {factor.value for factor in Factor} | {"set_up"}
