"""Many attempts in few queries: what a site's cameras saw, day after day."""

from datetime import timedelta
from typing import Any

import numpy as np
from django.utils import timezone

from liveness.models import Attempt, ModelVersion

SHA256 = "f" * 64


def active_model(promoted_days_ago: float = 40, sha256: str = SHA256) -> ModelVersion:
    then = timezone.now() - timedelta(days=promoted_days_ago)
    return ModelVersion.objects.create(
        name="champion", sha256=sha256, state="active", created=then, promoted=then
    )


def attempts(n: int, days_ago: float, seed: int = 0, **changes: Any) -> list[Attempt]:
    """n attempts of one afternoon. changes: score, light, face (each a mean), camera, state, reason, and others' fields."""
    rng = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(-rng.normal(changes.pop("score", 2.0), 1.0, n)))
    light = rng.normal(changes.pop("light", 120), 20, n).round(1)
    face = rng.normal(changes.pop("face", 0.4), 0.05, n).round(4)
    unjudged = (rng.integers(0, 3, n) / 8).round(4)
    begin = timezone.now() - timedelta(days=days_ago)
    rows = [
        _attempt(begin + timedelta(seconds=20 * k), changes, float(scores[k]), _measures(*numbers))
        for k, numbers in enumerate(zip(light, face, unjudged, strict=True))
    ]
    return Attempt.objects.bulk_create(rows)


def _measures(light: float, face: float, unjudged: float) -> dict[str, float]:
    return {"light": float(light), "face": float(face), "unjudged": float(unjudged)}


def _attempt(
    at: Any, changes: dict[str, Any], pooled: float, measures: dict[str, float]
) -> Attempt:
    fields = {
        "state": "claimed",
        "camera": "Desk Camera 640x480",
        "model_sha256": SHA256,
        "pooled": pooled,
        "measures": measures,
        "closed": at + timedelta(seconds=5),
        **changes,
    }
    return Attempt(purpose="signin", session_digest="a" * 64, created=at, expires=at, **fields)
