"""A site that was lived in for weeks, written into the database at once, so that every page has something to show.

Called inside the portal's own process: ``manage.py shell --command "from tests.e2e.furnish import …"``.
"""

import json
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from api import keys
from liveness import drift_watch
from liveness.engine.bundle import BUNDLED
from liveness.models import Attempt, ModelEvent, ModelVersion
from liveness.tests.drifting import attempts
from training.models import Benchmark, GateReport, TrainingRun

_FIGURES = {
    "pooled": {
        "auc": 0.991,
        "eer": 0.032,
        "bpcer": {"rate": 0.041, "n": 1200},
        "apcer": {"print": {"rate": 0.01, "n": 900}, "screen": {"rate": 0.03, "n": 900}},
    }
}
_ROW = {"champion": 0.05, "candidate": 0.04, "difference": -0.01, "interval95": [-0.02, 0.0]}


def everything(administrator: str) -> None:
    """Drift with a report, a candidate with its gate report and shadow, runs in every state, a key."""
    staff = get_user_model().objects.get(username=administrator)
    champion = ModelVersion.objects.get(state="active")
    ModelVersion.objects.filter(pk=champion.pk).update(
        promoted=timezone.now() - timedelta(days=40), created=timezone.now() - timedelta(days=40)
    )
    _drift(champion.sha256)
    candidate = _candidate(champion, staff)
    _gate(champion, candidate, staff)
    _shadow(candidate)
    _runs(candidate, staff)
    keys.create_key(owner=staff, name="Library", scopes=["attempts:read"])


def _drift(sha256: str) -> None:
    old: dict[str, Any] = {"model_sha256": sha256, "claimed": "somebody"}
    attempts(60, days_ago=30, **old)
    attempts(60, days_ago=2, seed=5, camera="Kiosk Camera 1280x720", light=70, **old)
    attempts(6, days_ago=2, seed=6, state="abstained", reason="too_dark", **old)
    drift_watch.watch()


def _candidate(parent: ModelVersion, staff: Any) -> ModelVersion:
    manifest = json.loads((BUNDLED / "manifest.json").read_text())
    made = ModelVersion.objects.create(
        name="touched-up", sha256="c" * 64, manifest=manifest, metrics=manifest.get("figures", {}),
        parent=parent, trained_by=staff, data_digest="d" * 64, shadow=True,
    )  # fmt: skip
    ModelEvent.objects.create(model=made, by=staff, text="registered")
    return made


def _gate(champion: ModelVersion, candidate: ModelVersion, staff: Any) -> None:
    Benchmark.objects.create(
        name="everyday", manifest="/data/everyday.csv", digest="e" * 64,
        counts={"bona_fide": 400, "attacks": 500, "cameras": {"desk": 900}}, by=staff,
    )  # fmt: skip
    rows = [
        {**_ROW, "figure": "BPCER", "n": 400, "margin": 0.01, "verdict": "better"},
        {**_ROW, "figure": "APCER, screen", "n": 500, "margin": 0.01, "verdict": "worse"},
        {**_ROW, "figure": "BPCER, desk", "n": 400, "margin": None, "verdict": ""},
    ]
    proof = {
        **{"name": "everyday", "bona_fide": 400, "attacks": 500, "cameras": {"desk": 900}},
        **{"skipped": 3, "trained": 0, "rows": rows},
    }
    report = {"margins": {"rate": 0.01, "camera": 0.02}, "resamples": 2000, "proofs": [proof]}
    reasons = ["everyday: screen: APCER rises"]
    GateReport.objects.create(
        model=candidate, candidate=candidate.sha256, champion=champion.sha256,
        champion_name=champion.name, passed=False, reasons=reasons, report=report, by=staff,
    )  # fmt: skip
    ModelVersion.objects.filter(pk=candidate.pk).update(
        gate={"passed": False, "champion": champion.sha256, "at": "today", "reasons": reasons}
    )


def _shadow(candidate: ModelVersion) -> None:
    said = {"sha256": candidate.sha256, "dropped": 1, "failed": 0, "pooled": 0.31}
    recent = list(Attempt.objects.filter(state="claimed").order_by("-created")[:12])
    for number, row in enumerate(recent):
        verdict = "fail" if number % 4 == 0 else "pass"
        row.shadow = {**said, "champion": "pass", "verdict": verdict}
    Attempt.objects.bulk_update(recent, ["shadow"])


def _runs(candidate: ModelVersion, staff: Any) -> None:
    common = {"requested_by": staff, "data": "everyday", "data_digest": "d" * 64}
    history = [
        {"epoch": n, "loss": 1 / n, "accuracy": 0.9, "auc": 0.9 + n / 100, "seconds": 4.0}
        for n in range(1, 7)
    ]
    now = timezone.now()
    result = {
        "name": candidate.name,
        "figures": {"calibration": _FIGURES},
        "threshold": {"value": 0.71, "target": "BPCER 5 %"},
    }
    TrainingRun.objects.create(
        state="done", model=candidate, history=history, started=now, finished=now, result=result,
        log="epoch 6 of 6\nExporting …", recipe="touch-up", **common,
    )  # fmt: skip
    TrainingRun.objects.create(
        state="running", history=history[:3], started=now, recipe="from-scratch", tries=1,
        progress={"epoch": 3, "epochs": 6, "share": 0.5, "loss": 0.33}, log="epoch 3 of 6", **common,
    )  # fmt: skip
    TrainingRun.objects.create(state="failed", reason="There is no such file.", **common)
