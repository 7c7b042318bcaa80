"""Whatever a program sends, the API answers as its own OpenAPI document says: generated requests at every door.

Each request is sent twice: as it was generated, and with the names of things that exist in its address.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.cache import cache
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from accounts import services as accounts
from accounts.models import User
from api import captures, keys, webhooks
from api.models import SCOPES, WebhookTry
from liveness import drift_watch, registry
from liveness.tests.fakes import FakeEngine, ended_attempt, live, serving, spoof
from training import services as training
from training.models import GateReport
from training.tests.synthetic import row, write_manifest

_CHECKS: list[Any] = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
schema = schemathesis.openapi.from_wsgi("/api/v1/schema/?format=json", get_wsgi_application())
every_door = schema.parametrize()
bounded = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)


class Site:
    """One of each thing, and a key that may do everything."""

    def __init__(self, run: Any) -> None:
        owner = User.objects.create_superuser("olga", "olga@example.org", "x")
        key, self.key = keys.create_key(
            owner=owner,
            name="all",
            scopes=SCOPES,
            per_minute=100_000,
            origins=["https://a.example"],
        )
        self.person = User.objects.create_user("ada", "ada@example.org")
        accounts.give_consent(user=self.person)
        self.model = registry.ensure_bundled_model()
        self.attempt = ended_attempt(FakeEngine(spoof()), claimed="ada", user=self.person)
        self.capture = captures.open_capture(key=key, purpose="liveness")
        self.hook, _ = webhooks.create_webhook(
            owner=owner, url="https://93.184.215.14/", events=list(webhooks.EVENTS)
        )
        self.delivery = webhooks.emit_test(hook=self.hook)
        WebhookTry.objects.create(delivery=self.delivery, seconds=0.1, status=500, answer="no")
        self.report = GateReport.objects.create(model=self.model, candidate="a" * 64, passed=False)
        self.run = run
        drift_watch.watch()

    def names(self, path: str) -> dict[str, Any]:
        """What the placeholders of a path stand for."""
        area = path.removeprefix("/api/v1/").split("/")[0]
        rows: dict[str, Any] = {
            "attempts": self.attempt,
            "captures": self.capture,
            "models": self.model,
            "webhooks": self.hook,
            "gate": self.report,
            "training-runs": self.run,
        }
        row = rows.get(area)
        return {
            "id": row.pk if row else None,
            "number": self.delivery.pk,
            "username": self.person.username,
        }


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """Requests share the test's own connection, which holds its transaction; servers close theirs."""
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


@pytest.fixture
def site(db: None, tmp_path: Any) -> Iterator[Site]:
    manifest = write_manifest(tmp_path / "manifest.csv", [row("a.jpg", "a", True)])
    with serving(FakeEngine(live())):
        yield Site(training.request_run(data=manifest, options={}))


@every_door
@bounded
def test_every_answer_is_one_that_the_document_knows(case: Any, site: Site) -> None:
    headers = {"Authorization": f"Bearer {site.key}"}
    _send(case, headers)
    known = site.names(case.operation.path)
    for name in known.keys() & (case.path_parameters or {}).keys():
        case.path_parameters[name] = str(known[name])
    if case.path_parameters:
        _send(case, headers)


@every_door
@settings(bounded, max_examples=2)
def test_a_stranger_is_refused_at_every_door(case: Any, site: Site) -> None:
    response = case.call(headers={"Authorization": "Bearer lg_00000000_none"})
    assert response.status_code in (401, 404, 405)
    case.validate_response(response, checks=_CHECKS)


def _send(case: Any, headers: dict[str, str]) -> None:
    cache.clear()
    case.call_and_validate(headers=headers, checks=_CHECKS)
