"""The public page about the model says what its manifest and this site's reviewers know, and no more."""

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from liveness import card
from liveness.engine.bundle import BUNDLED
from liveness.engine.metrics import Proportion
from liveness.models import Attempt, ModelVersion
from liveness.tests.drifting import attempts

_SHARE = {"rate": 0.1, "interval95": [0.05, 0.2], "errors": 10, "n": 100}
_METRICS = {
    "dev": {
        "pooled": {"bpcer": _SHARE, "apcer": {"screen": {**_SHARE, "rate": 0.15}}, "eer": 0.1},
        "domains": {"cam1": {}, "cam2": {}},
    },
    "int8_against_fp32": {"faces": 3},
}


def _model(**changes: Any) -> ModelVersion:
    given: dict[str, Any] = {
        "name": "judge", "sha256": "f" * 64, "state": "active", "metrics": _METRICS,
        "manifest": {"threshold": {"target": "BPCER of 5 %"}}, "promoted": timezone.now(),
    }  # fmt: skip
    return ModelVersion.objects.create(**given | changes)


def _page(client: Client) -> str:
    answer = client.get("/model/")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_figures_come_from_the_manifest_with_their_intervals() -> None:
    found = card.figures(_METRICS)
    assert [(each.of, each.rate, each.low, each.high, each.n) for each in found] == [
        ("live", 0.1, 0.05, 0.2, 100),
        ("screen", 0.15, 0.05, 0.2, 100),
    ]
    assert card.cameras(_METRICS) == 2


def test_what_nobody_measured_is_named() -> None:
    assert card.unmeasured(card.figures(_METRICS)) == ["prints", "masks"]
    assert card.unmeasured([]) == ["prints", "screens", "masks"]


def test_the_chart_shows_each_interval_where_it_lies() -> None:
    chart = card.draw(card.figures(_METRICS))
    assert chart is not None
    assert chart.most == 20
    first = chart.rows[0]
    assert first.left < first.dot < first.left + first.length <= chart.right
    assert first.dot - first.left == pytest.approx((chart.right - 4) * 0.05 / 0.2, abs=2)
    assert chart.rows[1].dot > first.dot
    assert card.draw([]) is None


@pytest.mark.parametrize("high", [0.0, 0.049, 0.5, 1.0])
def test_every_interval_fits_the_chart(high: float) -> None:
    share = {"rate": 0.0, "interval95": [0.0, high], "errors": 0, "n": 3}
    chart = card.draw(card.figures({"dev": {"pooled": {"bpcer": share}}}))
    assert chart is not None
    assert chart.rows[0].left + chart.rows[0].length <= chart.width
    assert chart.most >= 100 * high


@pytest.mark.django_db
def test_the_page_is_for_everybody_and_says_since_when(client: Client) -> None:
    model = _model()
    page = _page(client)
    assert model.sha256 in page
    assert f'datetime="{timezone.localtime(model.promoted):%Y-%m-%d}' in page
    assert "10.0 % (5.0 to 20.0)" in page
    assert "15.0 % (5.0 to 20.0)" in page
    assert "Never measured: prints, masks." in page
    assert "BPCER of 5 %" in page
    assert "Nobody has reviewed an attempt of this model yet." in page


@pytest.mark.django_db
def test_reviewers_labels_are_counted_for_this_model_alone(client: Client) -> None:
    model = _model()
    attempts(3, days_ago=1, state="failed", reason="spoof", label="live")
    attempts(5, days_ago=1, state="failed", reason="spoof", label="screen")
    attempts(4, days_ago=1, state="failed", reason="no_match", label="live")
    attempts(2, days_ago=1, state="claimed", label="print", sampled=True)
    attempts(6, days_ago=1, state="claimed", label="live", sampled=True)
    attempts(9, days_ago=1, state="failed", label="live", model_sha256="e" * 64)
    assert card.at_this_site(model) == card.AtThisSite(Proportion(3, 8), Proportion(2, 8))
    page = _page(client)
    assert "Of 8 refused attempts that people have looked at, 3 showed somebody" in page
    assert "Of 8 accepted attempts that people have looked at, 2 showed nobody alive" in page
    assert Attempt.objects.count() == 29


@pytest.mark.django_db
def test_a_model_without_figures_is_called_unproven(client: Client) -> None:
    _model(metrics={})
    page = _page(client)
    assert "Treat it as unproven" in page
    assert '<svg class="intervals"' not in page


@pytest.mark.django_db
def test_without_a_model_the_page_says_so(client: Client) -> None:
    assert 'data-test="card-none"' in _page(client)


def test_the_bundled_networks_figures_are_shown() -> None:
    metrics = json.loads((BUNDLED / "manifest.json").read_text())["figures"]
    found = card.figures(metrics)
    assert found
    assert card.draw(found) is not None
    assert all(each.low <= each.rate <= each.high for each in found)
