"""A member of staff who may do everything here, and what a program with a key of theirs sends."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import User
from api import keys
from api.models import SCOPES
from api.tests.receivers import Receiver, receiving


@pytest.fixture(autouse=True)
def _fresh_rates() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_superuser("olga", "olga@example.org", "seven green bicycles")


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """Another application on this machine, which the operator allows."""
    with receiving() as started:
        settings.LIVEGATE_WEBHOOK_ALLOW = [started.place]
        yield started


Program = Callable[..., Client]


@pytest.fixture
def program(owner: User) -> Program:
    """A client with a key: ``program("attempts:read")``; without scopes, with all of them."""

    def make(*scopes: str, **values: Any) -> Client:
        _, text = keys.create_key(
            owner=values.pop("owner", owner), name="test", scopes=scopes or SCOPES, **values
        )
        return Client(headers={"Authorization": f"Bearer {text}"}, enforce_csrf_checks=True)

    return make
