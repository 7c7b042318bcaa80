"""What the public may know of the model that judges: its figures with their intervals, and what it fails at.

Everything is read from the manifest that travels with the weights, and from what people labelled at this site.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from liveness.engine.metrics import Proportion
from liveness.models import Attempt, ModelVersion

SPECIES = {"print": _("prints"), "screen": _("screens"), "mask": _("masks")}
_PARTS = {
    "dev": _("cameras it never saw"),
    "test": _("cameras it never saw"),
    "calibration": _("cameras its threshold was chosen on"),
}
_NICE = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
_LEFT, _WIDTH, _ROW, _TOP = 4, 600, 44, 4


@dataclass(frozen=True)
class Figure:
    """A share of errors. rate, low, high: 0–1, the interval holds 95 %; of: bona fide, or a species of attacks."""

    part: str
    of: str
    rate: float
    low: float
    high: float
    errors: int
    n: int

    @property
    def words(self) -> str:
        """What the share is of."""
        if self.of == "live":
            return gettext("Living faces refused")
        species = SPECIES.get(self.of, self.of)
        return gettext("Let in although not alive: %(species)s") % {"species": species}

    @property
    def where(self) -> str:
        return str(_PARTS.get(self.part, self.part))

    @property
    def percent(self) -> str:
        return gettext("%(rate)s %% (%(low)s to %(high)s)") % {
            "rate": f"{100 * self.rate:.1f}",
            "low": f"{100 * self.low:.1f}",
            "high": f"{100 * self.high:.1f}",
        }


@dataclass(frozen=True)
class Drawn:
    """A figure in the chart's units: its text's line, the bar of its interval, and the dot of its rate."""

    figure: Figure
    y: int
    left: int
    length: int
    dot: int


@dataclass(frozen=True)
class Chart:
    """Intervals below each other from zero to ``most`` percent."""

    width: int
    height: int
    right: int
    bottom: int
    most: int
    rows: tuple[Drawn, ...]


@dataclass(frozen=True)
class AtThisSite:
    """What people labelled of this model's attempts here: refused ones that were alive, passed ones that were not."""

    refused_alive: Proportion
    passed_not_alive: Proportion


def figures(metrics: Mapping[str, Any]) -> list[Figure]:
    """The shares of errors that a manifest names, over all cameras of each part."""
    found = []
    for part, facts in metrics.items():
        pooled = facts.get("pooled") if isinstance(facts, dict) else None
        if isinstance(pooled, dict):
            found += list(_of_part(part, pooled))
    return found


def _of_part(part: str, pooled: Mapping[str, Any]) -> Iterator[Figure]:
    shares = {"live": pooled.get("bpcer"), **(pooled.get("apcer") or {})}
    for of, share in shares.items():
        if isinstance(share, dict) and share.get("n") and "interval95" in share:
            low, high = share["interval95"]
            yield Figure(part, of, share["rate"], low, high, share.get("errors", 0), share["n"])


def unmeasured(found: list[Figure]) -> list[str]:
    """The kinds of attacks that no figure speaks of, in words."""
    known = {figure.of for figure in found}
    return [str(words) for name, words in SPECIES.items() if name not in known]


def cameras(metrics: Mapping[str, Any]) -> int:
    """How many cameras the figures come from."""
    parts = [facts for facts in metrics.values() if isinstance(facts, dict)]
    return len({name for facts in parts for name in facts.get("domains") or {}})


def draw(found: list[Figure]) -> Chart | None:
    """Intervals as a drawing; None without figures."""
    if not found:
        return None
    highest = max(figure.high for figure in found)
    most = next(limit for limit in _NICE if limit >= min(highest, 1.0))
    scale = (_WIDTH - 2 * _LEFT) / most
    rows = [
        Drawn(
            figure=figure,
            y=_TOP + _ROW * number,
            left=round(_LEFT + scale * figure.low),
            length=max(2, round(scale * (figure.high - figure.low))),
            dot=round(_LEFT + scale * figure.rate),
        )
        for number, figure in enumerate(found)
    ]
    bottom = _TOP + _ROW * len(found)
    return Chart(_WIDTH, bottom + 24, _WIDTH - _LEFT, bottom, round(100 * most), tuple(rows))


def at_this_site(model: ModelVersion) -> AtThisSite:
    """Counted over what reviewers labelled as living or as an attack; sampled attempts stand for those that passed."""
    labels = Attempt.Label
    attacks = (labels.PRINT, labels.SCREEN, labels.MASK)
    rows = Attempt.objects.filter(model_sha256=model.sha256, label__in=(labels.LIVE, *attacks))
    refused = rows.filter(state=Attempt.State.FAILED).exclude(reason="no_match")
    passed = rows.filter(state__in=(Attempt.State.PASSED, Attempt.State.CLAIMED))
    return AtThisSite(
        Proportion(refused.filter(label=labels.LIVE).count(), refused.count()),
        Proportion(passed.filter(label__in=attacks).count(), passed.count()),
    )
