import math

import pytest

from liveness.engine import manifests, metrics


def test_auc_counts_pairs_and_halves_ties() -> None:
    assert metrics.auc([0.9, 0.8], [0.1, 0.2]) == 1.0
    assert metrics.auc([0.1], [0.9]) == 0.0
    assert metrics.auc([0.5, 0.9], [0.5, 0.1]) == pytest.approx(3.5 / 4)
    assert math.isnan(metrics.auc([], [0.5]))


def test_eer_is_where_the_two_error_rates_meet() -> None:
    assert metrics.eer([0.9, 0.8, 0.7], [0.1, 0.2, 0.3])[0] == 0.0
    assert metrics.eer([0.9, 0.8, 0.7, 0.2], [0.1, 0.1, 0.1, 0.75])[0] == pytest.approx(0.25)
    assert metrics.eer([0.5], [0.5])[0] == 0.5


def test_bpcer_is_read_where_attacks_hardly_pass() -> None:
    attacks = [0.1] * 99 + [0.85]
    refused, threshold = metrics.bpcer_at_apcer([0.9, 0.8, 0.05], attacks, 0.01)
    assert refused.rate == pytest.approx(1 / 3)
    assert 0.1 < threshold <= 0.8
    strict, _ = metrics.bpcer_at_apcer([0.9, 0.8, 0.05], attacks, 0.0)
    assert strict.rate == pytest.approx(2 / 3)


def test_the_table_leaves_out_rows_without_a_score() -> None:
    rows = [
        {"domain": "cam1", "label": "live", "p": "0.9"},
        {"domain": "cam1", "label": "spoof", "p": "0.1"},
        {"domain": "cam1", "label": "spoof", "p": ""},
    ]
    _, cam1, pooled = manifests.table(rows, ["p"])
    assert cam1.split() == ["cam1", "p", "1", "1", "1.0000", "0.00%", "0.00%"]
    assert pooled.split()[0] == "pooled"
