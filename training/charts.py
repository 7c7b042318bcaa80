"""Loss and AUC over the epochs as a drawing: coordinates only, the template draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 640, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 44, 12, 30


@dataclass(frozen=True)
class LossChart:
    """Polylines for SVG. ``highest``: the loss at the top of the drawing; AUC runs from ``lowest_auc`` to 1."""

    loss: str
    auc: str
    epochs: int
    highest: float
    lowest_auc: float
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


def loss_over_epochs(history: Sequence[Mapping[str, Any]]) -> LossChart | None:
    """Lay out a run's history, one row an epoch; None before the first epoch has ended."""
    if not history:
        return None
    aucs = [row["auc"] for row in history if row.get("auc") is not None]
    highest = max((float(row["loss"]) for row in history), default=0.0) or 1.0
    lowest = min([0.9, *aucs])
    count = len(history)
    loss = [(n, float(row["loss"]) / highest) for n, row in enumerate(history)]
    auc = [
        (n, (row["auc"] - lowest) / (1 - lowest or 1))
        for n, row in enumerate(history)
        if row.get("auc") is not None
    ]
    return LossChart(_line(loss, count), _line(auc, count), count, highest, lowest)


def _line(points: Sequence[tuple[int, float]], count: int) -> str:
    """One epoch alone is drawn as a short stroke, so that it can be seen."""
    drawn = [f"{_x(n, count)},{_y(share)}" for n, share in points]
    if len(points) == 1:
        n, share = points[0]
        drawn.append(f"{_x(n, count) + 6},{_y(share)}")
    return " ".join(drawn)


def _x(n: int, count: int) -> float:
    return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * n / max(1, count - 1), 1)


def _y(share: float) -> float:
    return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - share), 1)
