"""What Prometheus reads, who may read it, and that the dashboard asks for nothing that does not exist."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from liveness import registry
from liveness.models import DriftReport
from liveness.tests.fakes import FakeEngine, ended_attempt, spoof
from portal import metrics

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.django_db


def _value(name: str, **labels: str) -> float:
    for family in text_string_to_metric_families(Client().get("/metrics").content.decode()):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return 0.0


def test_an_attempt_that_ends_is_counted_by_its_outcome() -> None:
    wanted = {"purpose": "signin", "outcome": "failed", "reason": "spoof"}
    before = _value("livegate_attempts_total", **wanted)
    ended_attempt(FakeEngine(spoof()))
    assert _value("livegate_attempts_total", **wanted) == before + 1
    assert _value("livegate_reviews_waiting") == 1


def test_model_and_drift_are_told() -> None:
    model = registry.ensure_bundled_model()
    data = {"measures": [{"measure": "light", "level": "drifted"}]}
    DriftReport.objects.create(model=model, day=timezone.localdate(), data=data)
    assert _value("livegate_model", sha256=model.sha256) == 1
    assert _value("livegate_drift_level", measure="light") == 3


def test_a_broker_that_is_gone_is_told_and_hides_nothing_else(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert _value("livegate_unanswered", part="queues") == 1
    assert _value("livegate_unanswered", part="model") == 0


@pytest.mark.parametrize(
    ("given", "status"), [("", 403), ("Bearer guess", 403), ("Bearer s3cret", 200)]
)
def test_from_elsewhere_only_the_token_opens_the_metrics(
    settings: Settings, given: str, status: int
) -> None:
    settings.LIVEGATE_METRICS_TOKEN = "s3cret"
    answer = Client(REMOTE_ADDR="203.0.113.9").get("/metrics", headers={"authorization": given})
    assert answer.status_code == status


def test_without_a_token_no_word_opens_the_metrics_from_elsewhere(settings: Settings) -> None:
    headers = {"authorization": "Bearer "}
    assert Client(REMOTE_ADDR="203.0.113.9").get("/metrics", headers=headers).status_code == 403


def test_every_metric_of_the_dashboard_exists() -> None:
    dashboard = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"livegate_\w+", target["expr"])
    }
    text = generate_latest(metrics.registry()).decode()
    told = set(re.findall(r"^# TYPE (livegate_\w+)", text, re.MULTILINE))
    told |= {f"{name}_bucket" for name in told}
    assert len(asked) >= 10
    assert asked <= told


def test_two_processes_of_one_machine_are_told_as_one(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    count = (
        "from liveness import telemetry as t; t.BUSY.inc(3); t.STAGES.labels('score').observe(1)"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", count], cwd=ROOT, env=environment, check=True)
    from prometheus_client.multiprocess import MultiProcessCollector

    found = CollectorRegistry()
    MultiProcessCollector(found, path=str(tmp_path))
    assert found.get_sample_value("livegate_frames_refused_total") == 6
    assert found.get_sample_value("livegate_stage_seconds_count", {"stage": "score"}) == 2
