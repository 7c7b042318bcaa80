"""The pictures of a report: PNG bytes with an alternative text. Matplotlib is imported here and nowhere else.

One palette (Okabe & Ito 2008, told apart with any colour vision), direct labels instead of legends, white ground.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from statistics import NormalDist
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator
from numpy.typing import NDArray

from liveness.engine import metrics
from training.evaluation import Trial
from training.figures import scores_of
from training.report import Plot

Scores = NDArray[np.float64]

INK, SOFT, LINE = "#1a1a1a", "#595959", "#d0d0d0"
BLUE, VERMILION = "#0072B2", "#D55E00"
SPECIES = (VERMILION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colours of attack species in the order of their names, from the palette; blue is bona fide everywhere."""

MAX_CAMERAS = 60
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.5,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "legend.handlelength": 2.4,
    "legend.labelcolor": "linecolor",
    "lines.linewidth": 1.5,
    "lines.solid_capstyle": "round",
}
_DPI = 200
_WIDTH = 6.2
_DASHES = ((0, ()), (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)))
_DOTTED: dict[str, Any] = {"color": SOFT, "linewidth": 0.7, "linestyle": (0, (2, 3)), "zorder": 1}
_DET_TICKS = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)


def draw(trials: Sequence[Trial], report: Mapping[str, Any]) -> list[Plot]:
    """Every plot that these frames allow, from their trials and from ``figures.report``."""
    live = scores_of(t for t in trials if t.live)
    species = _by_species(trials)
    made = [_confusion(report["frames"]["pooled"]["confusion"])]
    if len(live) and species:
        made = [_roc(live, species), _det(live, species, report["frames"]["pooled"]["eer"]), *made]
    if len(live) or species:
        made += [_histogram(live, species, report["threshold"]), _reliability(report)]
    if report["frames"]["eer_by_camera"]["each"]:
        made.append(_cameras(report["frames"]["eer_by_camera"]))
    return made


def overlay(named: Mapping[str, tuple[Scores, Scores]]) -> Plot:
    """Detection error trade-off of several models on the same frames: name → bona fide and attack scores."""
    low = _normal(0.4 / max(len(own) for scores in named.values() for own in scores))
    rates = [metrics.eer(*scores)[0] for scores in named.values()]
    high = _normal(0.7 if max(rates) < 0.3 else 0.98)

    def paint(axes: Axes) -> None:
        for i, (name, (live, attacks)) in enumerate(named.items()):
            found = metrics.rates(live, attacks)
            x, y = _deviate(found.apcer, len(attacks)), _deviate(found.bpcer, len(live))
            look: dict[str, Any] = {"label": name, "color": (BLUE, VERMILION)[i % 2]}
            axes.plot(x, y, drawstyle="steps-post", linestyle=_DASHES[i % len(_DASHES)], **look)
        _det_axes(axes, low, high)

    equal = ", ".join(f"{name} {_share(rate)}" for name, rate in zip(named, rates, strict=True))
    alt = f"Detection error trade-off of the models over all frames; equal error rates: {equal}."
    return Plot("overlay", "DET of both models", alt, _png(paint, (5.0, 5.0)))


def before_and_after(rows: Sequence[tuple[str, float, float]]) -> Plot:
    """The equal error rate (0–1) of each camera under two models, one line a camera: name, before, after."""

    def paint(axes: Axes) -> None:
        for place, (_, before, after) in enumerate(reversed(rows)):
            axes.plot([before, after], [place, place], color=LINE, linewidth=2, zorder=1)
            axes.plot(before, place, "o", color=SOFT, zorder=2, label=None if place else "before")
            axes.plot(after, place, "o", color=BLUE, zorder=3, label=None if place else "after")
        axes.set_yticks(range(len(rows)), [name for name, _, _ in reversed(rows)])
        axes.set(xlim=(0, None))
        axes.set_xlabel("equal error rate")
        axes.xaxis.set_major_formatter(FuncFormatter(_share))
        axes.grid(True, axis="x")
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)

    each = "; ".join(f"{n} {_share(before)} to {_share(after)}" for n, before, after in rows)
    alt = f"Equal error rate of each camera before and after: {each}."
    return Plot("change", "Before and after", alt, _png(paint, (_WIDTH, 0.9 + 0.3 * len(rows))))


def _roc(live: Scores, species: Mapping[str, Scores]) -> Plot:
    every = np.concatenate(list(species.values()))
    floor = 0.5 / max(len(scores) for scores in species.values())

    def paint(axes: Axes) -> None:
        for curve in _curves(live, species):
            found = metrics.rates(live, curve.attacks)
            x, y = np.maximum(found.apcer, floor), 1 - found.bpcer
            axes.step(x[::-1], y[::-1], where="post", clip_on=False, **curve.look)
        axes.set(xscale="log", xlim=(floor, 1), ylim=(0, 1.005))
        axes.set_xlabel("attacks accepted (APCER)")
        axes.set_ylabel("bona fide accepted (1 − BPCER)")
        axes.xaxis.set_major_formatter(FuncFormatter(_share))
        axes.yaxis.set_major_formatter(FuncFormatter(_share))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(True)
        axes.legend(loc="lower right")

    alt = (
        f"Share of bona fide accepted against share of attacks accepted, on a logarithmic axis; "
        f"over all {len(every)} attacks the area under the curve is {metrics.auc(live, every):.4f}."
    )
    return Plot("roc", "ROC", alt, _png(paint, (_WIDTH, 4.2)))


def _det(live: Scores, species: Mapping[str, Scores], eer: float) -> Plot:
    low = _normal(0.4 / max(len(live), *(len(scores) for scores in species.values())))
    high = _normal(0.5 if eer < 0.1 else 0.9)

    def paint(axes: Axes) -> None:
        for curve in _curves(live, species):
            found = metrics.rates(live, curve.attacks)
            x, y = _deviate(found.apcer, len(curve.attacks)), _deviate(found.bpcer, len(live))
            axes.plot(x, y, drawstyle="steps-post", **curve.look)
        _det_axes(axes, low, high)

    alt = (
        f"Detection error trade-off on normal deviate axes: bona fide refused against attacks accepted; "
        f"the two are equal at {_share(eer)} over all attacks together."
    )
    return Plot("det", "DET", alt, _png(paint, (5.0, 5.0)))


def _det_axes(axes: Axes, low: float, high: float) -> None:
    """Normal deviate axes from ``low`` to ``high``."""
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.set_xlabel("attacks accepted (APCER)")
    axes.set_ylabel("bona fide refused (BPCER)")
    ticks = [tick for tick in _DET_TICKS if low <= _normal(tick) <= high]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(FixedLocator([_normal(tick) for tick in ticks]))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda z, _: _share(NormalDist().cdf(z))))
    axes.grid(True)
    axes.legend(loc="upper right")
    _diagonal(axes, low, high, "equal error")


def _confusion(rows: Sequence[Mapping[str, Any]]) -> Plot:
    columns = ("accepted", "refused", "no_decision")
    counts = np.array([[row[name] for name in columns] for row in rows], dtype=float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def paint(axes: Axes) -> None:
        colours = mpl.colors.LinearSegmentedColormap.from_list("blues", ["#ffffff", BLUE])
        axes.imshow(shares, cmap=colours, vmin=0, vmax=1, aspect="auto")
        for (i, j), share in np.ndenumerate(shares):
            ink = "white" if share > 0.92 else INK
            text = f"{int(counts[i, j]):,}\n{_share(round(share, 3))}"
            axes.text(j, i, text, ha="center", va="center", color=ink, linespacing=1.4)
        axes.set_xticks(range(3), ["accepted\nas live", "refused", "no decision"])
        axes.set_yticks(range(len(rows)), [str(row["name"]) for row in rows])
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xticks(np.arange(4) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
        axes.grid(True, which="minor", color="white", linewidth=3)
        axes.tick_params(which="minor", length=0)

    alt = "Frames by what they are and what became of them. " + " ".join(
        f"{row['name']}: {row['accepted']} accepted, {row['refused']} refused, "
        f"{row['no_decision']} without a decision."
        for row in rows
    )
    size = (5.0, 0.7 + 0.62 * len(rows))
    return Plot("confusion", "Confusion matrix", alt, _png(paint, size))


def _histogram(live: Scores, species: Mapping[str, Scores], thresholds: Sequence[float]) -> Plot:
    parts = {"bona fide": (BLUE, live)} if len(live) else {}
    parts |= {name: (colour, own) for name, colour, own in _coloured(species)}
    edges = np.linspace(0, 1, 41)

    def paint(figure: Figure) -> None:
        panels = figure.subplots(len(parts), 1, sharex=True, squeeze=False)[:, 0]
        panels[-1].set(xlim=(0, 1), xlabel="p_live")
        for axes, (name, (colour, scores)) in zip(panels, parts.items(), strict=True):
            shares = np.histogram(scores, edges)[0] / len(scores)
            axes.stairs(shares, edges, fill=True, color=colour, alpha=0.85)
            axes.set_ylim(0, max(shares) * 1.25)
            axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(3, prune="lower"))
            axes.yaxis.set_major_formatter(FuncFormatter(_share))
            axes.grid(True, axis="y")
            if len(thresholds) == 1:
                axes.axvline(thresholds[0], color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
            axes.set_title(
                f"{name}, n = {len(scores):,}", loc="left", color=_dark(colour), fontsize=9, pad=3
            )
        if len(thresholds) == 1:
            top = 0.9 * panels[0].get_ylim()[1]
            _beside(panels[0], thresholds[0], top, f"threshold {thresholds[0]:.3f}", INK)
        figure.supylabel("share of frames", fontsize=9)

    middle = [f"{name} {np.median(scores):.3f}" for name, (_, scores) in parts.items()]
    alt = f"Distribution of p_live of each kind of presentation; medians: {', '.join(middle)}."
    alt += f" The threshold is {thresholds[0]:.3f}." if len(thresholds) == 1 else ""
    png = _png(paint, (_WIDTH, 0.6 + 1.15 * len(parts)), panels=True)
    return Plot("scores", "Scores", alt, png)


def _reliability(report: Mapping[str, Any]) -> Plot:
    bins, error = report["calibration"]["bins"], report["calibration"]["error"]
    means = np.array([item["mean"] for item in bins])
    shares = np.array([item["bona_fide"]["rate"] for item in bins])
    bounds = np.array([item["bona_fide"]["interval95"] for item in bins])
    counts = [item["bona_fide"]["n"] for item in bins]

    def paint(figure: Figure) -> None:
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        _diagonal(axes, 0, 1, "perfectly calibrated")
        axes.vlines(means, bounds[:, 0], bounds[:, 1], color=BLUE, linewidth=1.2, alpha=0.55)
        axes.plot(means, shares, "o", color=BLUE, markersize=5, clip_on=False)
        axes.set(ylim=(0, 1), ylabel="share that is bona fide")
        axes.yaxis.set_major_formatter(FuncFormatter(_share))
        axes.grid(True)
        middles = [(item["low"] + item["high"]) / 2 for item in bins]
        below.bar(middles, counts, width=0.092, color=BLUE, alpha=0.55)
        below.set(xlim=(0, 1), xlabel="p_live", ylabel="frames")
        below.yaxis.set_major_locator(mpl.ticker.MaxNLocator(2, integer=True))

    alt = (
        f"Share of bona fide among frames of similar p_live, with 95 % intervals, and how many frames there are; "
        f"the mean distance from the diagonal is {error:.3f}."
    )
    return Plot("reliability", "Calibration", alt, _png(paint, (4.8, 4.6), panels=True))


def _cameras(by_camera: Mapping[str, Any]) -> Plot:
    rows = by_camera["each"][:MAX_CAMERAS]
    rates = np.array([row["eer"] for row in rows])
    bounds = np.array([row["interval95"] for row in rows])
    places = np.arange(len(rows))

    def paint(axes: Axes) -> None:
        axes.barh(places, rates, height=0.62, color=BLUE, alpha=0.55)
        axes.hlines(places, bounds[:, 0], bounds[:, 1], color=INK, linewidth=0.9)
        axes.plot(bounds, np.stack([places, places], 1), "|", color=INK, markersize=4)
        labels = [f"{row['name']}  ({row['bona_fide']} + {row['attacks']})" for row in rows]
        axes.set_yticks([-0.8, *places], ["camera  (bona fide + attacks)", *labels])
        axes.get_yticklabels()[0].set_color(SOFT)
        axes.tick_params(axis="y", length=0)
        axes.set(ylim=(len(rows) - 0.4, -1.3), xlim=(0, max(bounds[:, 1].max() * 1.02, 0.01)))
        axes.axvline(by_camera["mean"], color=VERMILION, linewidth=1.2)
        mean = by_camera["mean"]
        _beside(axes, mean, -0.8, f"mean {_share(round(mean, 3))}", _dark(VERMILION))
        axes.set_xlabel("equal error rate, 95 % interval")
        axes.xaxis.set_major_formatter(FuncFormatter(_share))
        axes.grid(True, axis="x")

    first = rows[0]
    alt = (
        f"Equal error rate of each camera, worst first: {first['name']} with {_share(round(first['eer'], 3))}; "
        f"the mean of {len(by_camera['each'])} cameras is {_share(round(by_camera['mean'], 3))}. "
        "In brackets: bona fide and attack frames."
    )
    size = (_WIDTH, 1.0 + 0.24 * len(rows))
    return Plot("cameras", "Equal error rate by camera", alt, _png(paint, size))


def _png(paint: Callable[..., None], size: tuple[float, float], panels: bool = False) -> bytes:
    """Run ``paint`` on fresh axes, or on the figure when it makes its own ``panels``; PNG bytes."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, dpi=_DPI, layout="constrained", facecolor="white")
        paint(figure if panels else figure.subplots())
        data = io.BytesIO()
        figure.savefig(data, format="png", metadata={"Software": None})
    return data.getvalue()


@dataclass(frozen=True)
class _Curve:
    attacks: Scores
    look: dict[str, Any]


def _curves(live: Scores, species: Mapping[str, Scores]) -> list[_Curve]:
    """A curve a species and one of all together where there are several, best first: the order of the labels."""
    every = np.concatenate(list(species.values()))
    named = _coloured(species)
    named += [("all attacks", INK, every)] if len(named) > 1 else []
    made = [
        _Curve(own, {"label": name, "color": colour, "linestyle": _DASHES[i % len(_DASHES)]})
        for i, (name, colour, own) in enumerate(reversed(named))
    ]
    return sorted(made, key=lambda curve: -metrics.auc(live, curve.attacks))


def _coloured(species: Mapping[str, Scores]) -> list[tuple[str, str, Scores]]:
    pairs = zip(species.items(), cycle(SPECIES), strict=False)
    return [(name, colour, own) for (name, own), colour in pairs]


def _diagonal(axes: Axes, low: float, high: float, name: str) -> None:
    axes.plot([low, high], [low, high], **_DOTTED)
    span = high - low
    angle: dict[str, Any] = {"rotation": 45, "rotation_mode": "anchor"}
    axes.text(
        low + 0.04 * span, low + 0.05 * span, name, color=SOFT, fontsize=8, va="bottom", **angle
    )


def _beside(axes: Axes, x: float, y: float, name: str, colour: str) -> None:
    """A label next to a vertical line, on the side that has room."""
    side = "left" if x < 0.7 * axes.get_xlim()[1] else "right"
    axes.text(x, y, f"  {name}  ", color=colour, ha=side, va="center", fontsize=8)


def _by_species(trials: Sequence[Trial]) -> dict[str, Scores]:
    names = sorted({t.species for t in trials if not t.live})
    parts = {n: scores_of(t for t in trials if not t.live and t.species == n) for n in names}
    return {name: scores for name, scores in parts.items() if len(scores)}


def _deviate(rates: Scores, n: int) -> Scores:
    """Normal deviates of rates; 0 and 1, which have none, go to half a trial."""
    return np.array([_normal(rate) for rate in np.clip(rates, 0.5 / n, 1 - 0.5 / n)])


def _normal(rate: float) -> float:
    return NormalDist().inv_cdf(min(max(rate, 1e-7), 1 - 1e-7))


def _dark(colour: str) -> str:
    """The colour for text: darker where it would be too faint on white."""
    red, green, blue = mpl.colors.to_rgb(colour)
    return mpl.colors.to_hex((red * 0.75, green * 0.75, blue * 0.75))


def _share(value: float, _: object = None) -> str:
    return f"{100 * value:.4g} %"
