"""Alice, who has an account; what she looks like; and what every test wants to do with her."""

import pytest
from django.core.cache import cache
from django.test import Client

from accounts import services
from accounts.models import User
from accounts.tests import flows
from liveness.tests.fakes import ALICE

PASSWORD = flows.PASSWORD


@pytest.fixture(autouse=True)
def fresh_rate_limits() -> None:
    """Rate limits are counted in the cache, which outlives a test."""
    cache.clear()


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", "alice@example.org", PASSWORD)


@pytest.fixture
def alice_with_face(alice: User) -> User:
    flows.enrol(alice, ALICE)
    return alice


@pytest.fixture
def at_home(alice: User) -> Client:
    """A browser in which Alice is signed in by password and has given her consent."""
    services.give_consent(user=alice)
    return flows.signed_in(alice)
