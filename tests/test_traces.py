"""Traces, for whoever asks for them: what belongs together shares one, and nothing in them is about a person."""

import gzip
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from celery.contrib.testing.worker import start_worker
from django.core.cache import cache
from django.test import AsyncClient
from pytest_django import Settings

from accounts.models import User
from liveness import runtime, telemetry
from liveness.models import Attempt
from liveness.tests.fakes import FakeEngine, live
from liveness.tests.sockets import started, the_attempt
from liveness.tracing import span
from portal import doctor, request_ids, tracing
from portal.celery import app
from portal.demo.server import free_port, running
from tests.e2e import needs

ROOT = Path(__file__).resolve().parent.parent
GIVEN = "0af7651916cd43dd8448eb211c80319c"


class Spans:
    """What was told so far, by name."""

    def __init__(self, exporter: Any) -> None:
        self._exporter = exporter

    def __iter__(self) -> Iterator[Any]:
        return iter(self._exporter.get_finished_spans())

    def named(self, name: str) -> list[Any]:
        return [each for each in self if each.name == name]

    def one(self, name: str) -> Any:
        (found,) = self.named(name)
        return found


@pytest.fixture
def spans(settings: Settings) -> Iterator[Spans]:
    needs.opentelemetry()
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:4318"
    settings.MIDDLEWARE = list(settings.MIDDLEWARE)
    exporter = InMemorySpanExporter()
    cache.clear()
    try:
        assert tracing.start(exporter)
        yield Spans(exporter)
    finally:
        tracing.stop()
        runtime.forget()
        cache.clear()


async def _attempt(score: float = 0.987) -> Attempt:
    async with started(FakeEngine(live(score))) as page:
        assert (await page.show_until_verdict(0.15))["verdict"] == "pass"
        await page.close_code()
    return await the_attempt()


@pytest.mark.django_db(transaction=True)
async def test_an_attempt_and_the_task_it_causes_share_a_trace(spans: Spans) -> None:
    await _attempt()
    attempt = spans.one("attempt")
    looks = spans.named("look")
    task = spans.one("run/liveness.tasks.purge_evidence")
    assert len(looks) >= 6
    assert {look.parent.span_id for look in looks} == {attempt.context.span_id}
    assert {each.context.trace_id for each in (*looks, task)} == {attempt.context.trace_id}
    assert all("wait" in [event.name for event in look.events] for look in looks)
    told = {name: attempt.attributes[f"livegate.{name}"] for name in ("purpose", "outcome")}
    assert told == {"purpose": "signin", "outcome": "passed"}


def test_the_stages_of_a_look_are_timed_within_it(spans: Spans) -> None:
    with span("look"), telemetry.stage("decode"):
        pass
    (event,) = spans.one("look").events
    assert event.name == "decode"
    assert 0 <= event.attributes["livegate.seconds"] < 1


@pytest.mark.django_db(transaction=True)
async def test_a_claim_is_part_of_the_request_that_makes_it(spans: Spans) -> None:
    attempt = await _attempt()
    answer = await AsyncClient().post("/signin/face/finish/", {"attempt": str(attempt.pk)})
    request, claim = spans.one("POST signin/face/finish/"), spans.one("claim")
    assert claim.parent.span_id == request.context.span_id
    assert request.attributes["http.status_code"] == answer.status_code == 403


def test_a_task_that_a_worker_takes_belongs_to_the_request_that_enqueued_it(
    spans: Spans,
) -> None:
    done = threading.Event()

    @app.task(name=f"tests.{uuid4()}")
    def work(name: str) -> None:
        done.set()

    token = request_ids.current.set("abc-12345")
    app.conf.task_always_eager = False
    try:
        with span("request"):
            work.delay("mira")
        with start_worker(app, pool="solo", perform_ping_check=False, loglevel="ERROR"):
            assert done.wait(30)
    finally:
        app.conf.task_always_eager = True
        request_ids.current.reset(token)
        app.tasks.pop(work.name)
    request, ran = spans.one("request"), spans.one(f"run/{work.name}")
    assert ran.context.trace_id == request.context.trace_id
    assert ran.attributes["livegate.request_id"] == "abc-12345"
    assert "mira" not in ran.to_json()


@pytest.mark.django_db(transaction=True)
async def test_nothing_that_is_told_is_about_a_person(
    spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **given: Any) -> None:
        raise RuntimeError("mira may not")

    monkeypatch.setattr("accounts.views.account.render", broken)
    user = await User.objects.acreate(username="mira", email="mira@example.org")
    client = AsyncClient(raise_request_exception=False)
    await client.aforce_login(user)
    headers = {"user-agent": "mira's own", "x-forwarded-for": "192.0.2.77"}
    for path in ("/account/?name=mira", "/api/v1/people/mira/", "/nowhere/mira/", "/healthz"):
        await client.get(path, headers=headers)
    await _attempt(0.98765)
    told = [each.to_json() for each in spans]
    names = {each.name for each in spans}
    assert "GET" in names
    assert any("people/(?P<" in name for name in names), names
    assert not any("healthz" in name for name in names)
    for secret in ("mira", "192.0.2.77", "127.0.0.1", "testserver", "0.98765"):
        assert [text for text in told if secret in text] == [], secret


def test_the_message_of_an_exception_stays_here(spans: Spans) -> None:
    @app.task(name=f"tests.{uuid4()}")
    def fail() -> None:
        raise ValueError("mira may not")

    fail.apply()
    app.tasks.pop(fail.name)
    ran = spans.one(f"run/{fail.name}")
    assert [(event.name, event.attributes) for event in ran.events] == [
        ("exception", {"exception.type": "ValueError"})
    ]
    assert ran.status.status_code.name == "ERROR"
    assert "mira" not in ran.to_json()


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:4318"])
def test_nothing_of_it_is_imported_unless_asked_for(tmp_path: Path, endpoint: str) -> None:
    """The Redis client imports the SDK by itself where it finds it; exporter and instrumentation are ours alone."""
    needs.opentelemetry()
    ours = ("opentelemetry.exporter", "opentelemetry.instrumentation")
    code = f"import sys, portal.asgi; print(any(name.startswith({ours}) for name in sys.modules))"
    own = {"DJANGO_SETTINGS_MODULE": "portal.settings", "LIVEGATE_VAR": str(tmp_path)}
    environment = {**os.environ, **own, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "REDIS_URL": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.split()[-1:] == [str(bool(endpoint))], done.stderr


def test_without_the_packages_the_portal_starts_all_the_same(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:4318"
    monkeypatch.setattr(tracing, "missing", lambda: ["sdk"])
    assert not tracing.start()


class TestDoctor:
    def _says(self) -> tuple[str, str]:
        (finding,) = doctor.examine((doctor.traces,))
        return finding.state, finding.text

    def test_off(self, settings: Settings) -> None:
        settings.OTEL_EXPORTER_OTLP_ENDPOINT = ""
        assert self._says() == (doctor.OK, "off")

    def test_not_installed(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:4318"
        monkeypatch.setattr(tracing, "missing", lambda: ["sdk"])
        assert self._says() == (doctor.WARNING, "asked for, but not installed: sdk")

    def test_a_collector_that_is_away_and_one_that_is_not(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tracing, "missing", list)
        settings.OTEL_EXPORTER_OTLP_ENDPOINT = f"http://127.0.0.1:{free_port()}"
        assert self._says()[0] == doctor.WARNING
        with socket.create_server(("127.0.0.1", 0)) as collector:
            place = f"127.0.0.1:{collector.getsockname()[1]}"
            settings.OTEL_EXPORTER_OTLP_ENDPOINT = f"http://ada:secret@{place}"
            assert self._says() == (doctor.OK, f"on, {place} takes them")


class Collector(ThreadingHTTPServer):
    """Takes traces as a collector does, in protobuf over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.taken: list[tuple[str, bytes]] = []


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Collector)
        self.server.taken.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        return


@pytest.mark.parametrize("behind_proxy", ["0", "1"])
def test_the_real_server_sends_them_and_lets_a_proxy_alone_name_the_trace(
    tmp_path: Path, behind_proxy: str
) -> None:
    needs.opentelemetry()
    with Collector() as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
            "BEHIND_PROXY": behind_proxy,
        }
        with running(tmp_path, **settings) as server:
            asked = urllib.request.Request(
                f"{server.url}/auth/login/", headers={"traceparent": f"00-{GIVEN}-{'b7' * 8}-01"}
            )
            urllib.request.urlopen(asked, timeout=60).close()
        collector.shutdown()
    assert {path for path, _ in collector.taken} == {"/v1/traces"}
    told = b"".join(
        gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body for _, body in collector.taken
    )
    assert b"GET auth/login/" in told
    assert b"livegate" in told
    assert (bytes.fromhex(GIVEN) in told) == (behind_proxy == "1")
