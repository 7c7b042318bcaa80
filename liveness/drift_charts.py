"""Reference against current as drawings: coordinates only, the template draws."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext

from liveness import drift
from liveness.drift import Report, Sample
from liveness.drift_words import OUTCOMES
from liveness.engine import shift
from liveness.engine.session import log_odds

WIDTH, HEIGHT = 400, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 4, 4, 6, 26
_ROW, _BAR, _LETTERS = 54, 12, 46
# Pooled scores crowd at both ends of 0–1, so they are drawn over log-odds, where the pool clips them at ±4.
_ODDS = 4.0
_RANGES = {"score": (-_ODDS, _ODDS), "light": (0.0, 255.0), "face": (0.0, 1.0), "unjudged": (0, 1)}
_BARS = 16


@dataclass(frozen=True)
class Bar:
    """A rectangle in the drawing's units, and the share of attempts it stands for, 0–1."""

    x: float
    y: float
    width: float
    height: float
    share: float

    @property
    def percent(self) -> str:
        return f"{100 * self.share:.1f} %"


@dataclass(frozen=True)
class Bin:
    """Reference and current between two values, which are given in words."""

    name: str
    reference: Bar
    current: Bar


@dataclass(frozen=True)
class Histogram:
    """Upright bars side by side. ticks: (x, text) below the axis."""

    bins: list[Bin]
    ticks: list[tuple[float, str]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM


@dataclass(frozen=True)
class Row:
    """One name of a mix: the height of its text, and two bars that lie."""

    name: str
    short: str
    y: float
    reference: Bar
    current: Bar


@dataclass(frozen=True)
class Rows:
    """One pair of bars below the other, each below its name."""

    rows: list[Row]
    height: int
    width: int = WIDTH
    left: int = _LEFT


def draw(measure: str, report: Report) -> Histogram | Rows | None:
    """The drawing of one measure; None while there is nothing to draw."""
    if report.reference is None:
        return None
    before, now = report.reference.sample, report.current
    if measure == drift.RATE:
        return _rows([str(OUTCOMES["abstained"])], [_abstaining(before)], [_abstaining(now)])
    if measure in drift.MIXES:
        return _mix(measure, before.mix(measure), now.mix(measure))
    return _numbers(measure, before.numbers.get(measure, []), now.numbers.get(measure, []))


def _numbers(measure: str, before: list[float], now: list[float]) -> Histogram | None:
    if not before and not now:
        return None
    low, high = _RANGES[measure]
    edges = np.linspace(low, high, _BARS + 1)
    shares = [
        _shares(shift.histogram(_axis(measure, values), edges[1:-1])) for values in (before, now)
    ]
    top = max(max(shares[0]), max(shares[1])) or 1.0
    step = (WIDTH - _LEFT - _RIGHT) / _BARS
    bins = []
    for n in range(_BARS):
        x = _LEFT + n * step
        pair = [
            _upright(x + 2 + k * (step - 4) / 2, (step - 4) / 2, shares[k][n], top) for k in (0, 1)
        ]
        name = gettext("%(low)s to %(high)s") % {
            "low": _text(measure, edges[n]),
            "high": _text(measure, edges[n + 1]),
        }
        bins.append(Bin(name, pair[0], pair[1]))
    ticks = [(round(_LEFT + n * step, 1), _text(measure, edges[n])) for n in range(0, _BARS + 1, 4)]
    return Histogram(bins, ticks)


def _mix(measure: str, before: dict[str, int], now: dict[str, int]) -> Rows | None:
    names, *counts = shift.paired_counts(before, now)
    shares = [_shares(mix) for mix in counts]
    words = [str(OUTCOMES.get(name, name)) for name in names] if measure == "outcome" else names
    return _rows(words, shares[0], shares[1]) if names else None


def _rows(names: list[str], before: Sequence[float], now: Sequence[float]) -> Rows:
    top = max([*before, *now]) or 1.0
    rows = []
    for n, name in enumerate(names):
        y = n * _ROW
        short = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
        bars = [
            _lying(y + 22 + k * _BAR, share, top) for k, share in enumerate((before[n], now[n]))
        ]
        rows.append(Row(name, short, y + 16, bars[0], bars[1]))
    return Rows(rows, len(names) * _ROW)


def _upright(x: float, width: float, share: float, top: float) -> Bar:
    height = (HEIGHT - _TOP - _BOTTOM) * share / top
    y = HEIGHT - _BOTTOM - height
    return Bar(round(x, 1), round(y, 1), round(width, 1), round(height, 1), share)


def _lying(y: float, share: float, top: float) -> Bar:
    return Bar(_LEFT, y, round((WIDTH - _LEFT - _RIGHT) * share / top, 1), _BAR, share)


def _abstaining(part: Sample) -> float:
    hits, n = part.abstentions()
    return hits / n if n else 0.0


def _shares(counts: shift.Counts) -> list[float]:
    total = int(counts.sum()) or 1
    return [int(count) / total for count in counts]


def _axis(measure: str, values: list[float]) -> list[float]:
    return [float(value) for value in log_odds(values)] if measure == "score" else values


def _text(measure: str, value: float) -> str:
    if measure == "score":
        return f"{1 / (1 + np.exp(-value)):.2f}"
    return f"{value:.0f}" if measure == "light" else f"{100 * value:.0f} %"
