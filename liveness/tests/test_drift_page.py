import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils.html import escape
from pytest_django import Settings

from liveness import drift, drift_charts, drift_watch, drift_words
from liveness.drift import Level
from liveness.models import DriftReference, ModelVersion
from liveness.tests.drifting import active_model, attempts

pytestmark = pytest.mark.django_db

_PLACES = ["/review/drift/", "/api/v1/drift/", "/api/v1/drift/reports/"]


@pytest.fixture
def page(client: Client, reviewer: Any) -> Client:
    client.force_login(reviewer)
    return client


@pytest.fixture
def promoter(page: Client, reviewer: Any) -> Client:
    reviewer.user_permissions.add(Permission.objects.get(codename="promote_model"))
    return page


@pytest.fixture
def moved(settings: Settings) -> ModelVersion:
    """A site that got other cameras two days ago."""
    settings.LIVEGATE_DRIFT_REFERENCE = 60
    model = active_model()
    attempts(60, days_ago=39)
    attempts(60, days_ago=2, seed=5, camera="Phone <b>&</b> 1280x720")
    return model


def _text(page: Client, query: str = "") -> str:
    response = page.get(f"/review/drift/{query}")
    assert response.status_code == 200
    return response.content.decode()


def _command(*args: str) -> str:
    out = io.StringIO()
    call_command("drift", *args, stdout=out)
    return out.getvalue()


def test_only_staff_with_the_permission_see_drift(client: Client) -> None:
    assert client.get("/review/drift/").status_code == 302
    staff = get_user_model().objects.create_user("sam", is_staff=True)
    client.force_login(staff)
    for place in _PLACES:
        assert client.get(place).status_code == 403
    for place in ("/review/drift/begin/", "/api/v1/drift/reference/"):
        assert client.post(place).status_code == 403


def test_the_page_is_never_stored(page: Client) -> None:
    assert "no-store" in page.get("/review/drift/")["Cache-Control"]


def test_an_empty_site_says_what_is_missing(page: Client) -> None:
    assert "No model serves yet" in _text(page)
    active_model()
    text = _text(page)
    assert "still being collected: 0 of 500" in text
    assert "No daily report of this model yet" in text
    assert 'data-test="drift-light"' not in text


def test_a_week_with_few_attempts_says_so(page: Client, settings: Settings) -> None:
    settings.LIVEGATE_DRIFT_REFERENCE = 60
    active_model()
    attempts(60, days_ago=39)
    text = _text(page)
    assert "0 attempts came in after the reference period in the last 7 days" in text
    assert text.count("Too few attempts to say") == 2 * 7


def test_every_measure_has_a_card_with_a_drawing_and_a_table(
    page: Client, moved: ModelVersion
) -> None:
    text = _text(page)
    for measure in drift_words.NAMES:
        assert f'data-test="drift-{measure}"' in text
    assert text.count('class="chart"') == text.count("<details") == 7
    assert "style=" not in text
    assert "<script>" not in text


def test_a_changed_camera_is_named_with_the_way_to_its_attempts(
    page: Client, moved: ModelVersion
) -> None:
    text = _text(page)
    assert "Your cameras changed" in text
    assert "Phone &lt;b&gt;&amp;&lt;/b&gt; 1280x720" in text
    assert "<b>&</b>" not in text
    query = "?camera=Phone+%3Cb%3E%26%3C%2Fb%3E+1280x720&state=any&label=any"
    assert f'href="/review/{escape(query)}"' in text
    found = page.get(f"/review/{query}").context["page"].paginator.count
    assert found == 60


def test_cameras_are_broken_down(page: Client, moved: ModelVersion) -> None:
    cameras = page.get("/review/drift/").context["cameras"]
    assert [row["name"] for row in cameras] == ["Desk Camera 640x480", "Phone <b>&</b> 1280x720"]
    assert [period["n"] for period in cameras[0]["periods"]] == [60, 0]
    assert cameras[1]["periods"][1]["share"] == 100


def test_days_that_make_no_sense_are_ignored(page: Client, moved: ModelVersion) -> None:
    assert "last 1 day " in _text(page, "?days=1")
    for days in ("x", "0", "-3", "9999999", "1e9"):
        assert "last 7 days " in _text(page, f"?days={days}")


def test_the_page_remembers_day_by_day(page: Client, moved: ModelVersion) -> None:
    drift_watch.watch()
    history = page.get("/review/drift/").context["history"]
    assert [(day["drifted"], day["told"]) for day in history] == [("Cameras", "Cameras")]


def test_the_navigation_leads_there(page: Client) -> None:
    assert 'data-test="nav-drift"' in _text(page)


def test_whoever_may_promote_may_begin_a_new_reference(
    promoter: Client, moved: ModelVersion
) -> None:
    assert 'data-test="drift-begin"' in _text(promoter)
    response = promoter.post("/review/drift/begin/", follow=True)
    assert "A new reference period begins" in response.content.decode()
    assert promoter.post("/api/v1/drift/reference/").status_code == 201
    assert DriftReference.objects.count() == 2


def test_reviewers_alone_may_not_begin_a_new_reference(page: Client, moved: ModelVersion) -> None:
    assert 'data-test="drift-begin"' not in _text(page)
    assert page.post("/review/drift/begin/").status_code == 403
    assert page.post("/api/v1/drift/reference/").status_code == 403
    assert page.get("/review/drift/begin/").status_code == 405
    assert not DriftReference.objects.exists()


def test_without_a_model_no_reference_begins(promoter: Client) -> None:
    assert "No model serves" in promoter.post("/review/drift/begin/", follow=True).content.decode()
    assert promoter.post("/api/v1/drift/reference/").status_code == 409


def test_the_interface_says_what_the_page_says(page: Client, moved: ModelVersion) -> None:
    drift_watch.watch()
    body = page.get("/api/v1/drift/?days=7").json()
    assert body["measures"][0] | {"figures": None} == {
        "measure": "camera", "level": "drifted", "reference": 60, "current": 60, "figures": None
    }  # fmt: skip
    assert page.get("/api/v1/drift/?days=x").status_code == 400
    assert page.get("/api/v1/drift/?days=0").status_code == 400
    (row,) = page.get("/api/v1/drift/reports/").json()["results"]
    assert row["told"] == ["camera"]


def test_the_command_prints_levels_and_numbers(moved: ModelVersion) -> None:
    lines = _command().splitlines()
    assert lines[0].startswith("Cameras: drifted (60 in the reference, 60 now): PSI ")
    assert json.loads(_command("--json"))["current"]["n"] == 60


def test_the_command_fails_on_drift_when_asked(moved: ModelVersion) -> None:
    with pytest.raises(SystemExit) as ended:
        _command("--fail-on-drift")
    assert ended.value.code == 1
    _command("--begin-reference", "--fail-on-drift")
    with pytest.raises(CommandError, match="days"):
        _command("--days", "0")


def test_the_command_without_a_model_says_so() -> None:
    assert "No model serves" in _command("--fail-on-drift")
    with pytest.raises(CommandError, match="No model serves"):
        _command("--begin-reference")


def test_the_interface_is_documented(settings: Settings) -> None:
    text = (Path(settings.BASE_DIR) / "docs" / "api.md").read_text(encoding="utf-8")
    for address in ("drift/", "drift/reports/", "drift/reference/"):
        assert f"/api/v1/{address}`" in text


def test_everything_has_words() -> None:
    measures = {*drift.NUMBERS, *drift.MIXES, drift.RATE}
    assert set(drift_words.NAMES) == set(drift_words.MEANINGS) == measures
    assert all(drift_words.advice(measure) for measure in measures)
    assert set(drift_words.LEVELS) == set(Level)
    assert set(drift_words.OUTCOMES) == {str(item) for item in drift.Outcome}


@pytest.mark.parametrize("measure", drift.NUMBERS)
def test_the_bars_stay_inside_the_drawing(moved: ModelVersion, measure: str) -> None:
    chart = drift_charts.draw(measure, drift.report())
    assert isinstance(chart, drift_charts.Histogram)
    bars = [bar for item in chart.bins for bar in (item.reference, item.current)]
    assert all(chart.left <= bar.x <= bar.x + bar.width <= chart.right for bar in bars)
    assert all(0 <= bar.y <= bar.y + bar.height <= chart.bottom + 0.1 for bar in bars)
    assert sum(item.current.share for item in chart.bins) == pytest.approx(1)
