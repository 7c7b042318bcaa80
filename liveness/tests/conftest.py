from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.cache import cache
from pytest_django import Settings

from liveness import runtime


@pytest.fixture(autouse=True)
def _nothing_is_left_over() -> Iterator[None]:
    """No loaded engine and no cache entry goes from one test into the next."""
    yield
    runtime.forget()
    cache.clear()


def anybody(user: Any) -> bool:
    """Stands in for the consent of the portal, which has tests of its own."""
    return True


@pytest.fixture(autouse=True)
def _pictures_may_be_kept(settings: Settings) -> None:
    settings.LIVEGATE_MAY_KEEP = f"{__name__}.anybody"


@pytest.fixture
def reviewer(db: None) -> Any:
    """Staff with the permission to review."""
    user = get_user_model().objects.create_user("rita", password="rita", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="review_attempt"))
    return user
