"""The gate: is a candidate at least as good as the champion, on frames that neither can choose?

Both INT8 files score the same frames through the serving engine, each at its own threshold. A figure is refused when it
is worse by more than the margin, and that is no chance: a single frame is less than the margin, or the 95 % interval
of the difference lies above zero. The upper bound says how much worse the candidate may still be. Where it lies above
the margin, so many frames do not rule a regression out; the report says so, and only more frames can change it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liveness.engine import bundle as bundles
from liveness.engine import manifests
from liveness.engine.bundle import Bundle, BundleError
from liveness.engine.crops import CropError
from liveness.engine.faces import FaceDetector, YuNet
from liveness.engine.fas import LivenessModel
from liveness.engine.frames import FrameError
from training import resampling
from training.benchmarks import BenchmarkError, counts, frames_of
from training.evaluation import Judge, ScoredFrame, open_picture, quiet
from training.resampling import Pair

NOTHING = (
    "There is nothing to prove it on: freeze a benchmark first, "
    "with `manage.py models freeze NAME MANIFEST`."
)
FEWEST = 30
_SAY_EVERY = 100
_SEED = 20_260
_ORDER = ("worse", "unclear", "not ruled out", "too few", "as good", "better", "")

Flags = NDArray[np.bool_]
Row = dict[str, str]


@dataclass(frozen=True)
class Margins:
    """How much worse is still accepted, as shares: APCER and BPCER over all cameras, EER of a single one."""

    rate: float = 0.01
    camera: float = 0.02


@dataclass(frozen=True)
class Proof:
    """Frames to judge on. trained: files the candidate has learnt from; they are left out."""

    name: str
    root: Path
    rows: Sequence[Row]
    trained: frozenset[Path] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """passed; reasons: why not, in words, worst first; report: every figure, as plain JSON values."""

    passed: bool
    reasons: list[str]
    report: dict[str, Any]
    scores: "dict[str, tuple[resampling.Scores, resampling.Scores]]" = field(default_factory=dict)


@dataclass(frozen=True)
class Scored:
    """N frames with both models' scores (N,) and decisions (N,): wrong ones are errors."""

    frames: Sequence[ScoredFrame]
    champion: resampling.Scores
    candidate: resampling.Scores
    errors: tuple[Flags, Flags]
    live: Flags
    cameras: NDArray[np.int64]
    skipped: int
    trained: int


def judge(
    candidate: Path | Bundle,
    champion: Path | Bundle,
    proofs: Sequence[Path | Proof],
    margins: Margins | None = None,
    detector: FaceDetector | None = None,
    say: Callable[[str], None] = quiet,
) -> Verdict:
    """Compare two bundles on every proof: a manifest CSV, or rows that were read before.

    A bundle that is broken or not calibrated, a champion that cannot be loaded and the lack of frames are refusals in
    words, not exceptions.
    """
    margins = margins or Margins()
    try:
        if not proofs:
            return _refused(NOTHING)
        models = _loaded(candidate, "The candidate"), _loaded(champion, "The champion")
        _check_calibrated(models[0].bundle)
        found = [_judged(_proof(p), models, margins, detector or YuNet(), say) for p in proofs]
    except (BundleError, BenchmarkError, manifests.ManifestError) as error:
        return _refused(str(error))
    return _verdict(models, margins, found)


def _refused(reason: str) -> Verdict:
    return Verdict(False, [reason], {"schema": 1, "proofs": []})


def _loaded(given: Path | Bundle, who: str) -> LivenessModel:
    """The model, proven by its golden vectors. Raises BundleError."""
    try:
        return LivenessModel(given if isinstance(given, Bundle) else bundles.load(given))
    except BundleError as error:
        raise BundleError(f"{who} cannot be used: {error}") from error


def _check_calibrated(bundle: Bundle) -> None:
    if not bundle.threshold.bona_fide:
        raise BundleError(
            f"The candidate's threshold was not calibrated on any frame ({bundle.threshold.target})."
        )


def _proof(given: Path | Proof) -> Proof:
    if isinstance(given, Proof):
        return given
    return Proof(given.stem, given.parent, manifests.read(given))


def _judged(
    proof: Proof,
    models: tuple[LivenessModel, LivenessModel],
    margins: Margins,
    detector: FaceDetector,
    say: Callable[[str], None],
) -> tuple[dict[str, Any], Scored]:
    scored = _score(proof, models, detector, say)
    rows = sorted(_figures(scored, margins), key=_badness)
    facts = {
        "name": proof.name,
        **counts(scored.frames),
        "skipped": scored.skipped,
        "trained": scored.trained,
        "rows": rows,
    }
    return facts, scored


def _score(
    proof: Proof,
    models: tuple[LivenessModel, LivenessModel],
    detector: FaceDetector,
    say: Callable[[str], None],
) -> Scored:
    """Every frame is read once and its face found once; both models see the same box. Raises BenchmarkError."""
    judges = [Judge(model, detector, gate=False) for model in models]
    used, both, trained = [], [], 0
    pairs = list(zip(frames_of(proof.rows), proof.rows, strict=True))
    for n, (frame, row) in enumerate(pairs, 1):
        path = proof.root / frame.path
        if path.resolve() in proof.trained:
            trained += 1
        elif (scores := _both(judges, path, row)) is not None:
            used.append(frame)
            both.append(scores)
        if n % _SAY_EVERY == 0 or n == len(pairs):
            say(f"{proof.name}: {n} of {len(pairs)} frames")
    if {frame.live for frame in used} != {True, False}:
        raise BenchmarkError(
            f"{proof.name} proves nothing: of {len(pairs)} frames {trained} were trained on and "
            f"{len(pairs) - trained - len(used)} cannot be scored, and a class is missing."
        )
    skipped = len(pairs) - trained - len(used)
    return _scored(used, np.array(both), models, skipped, trained)


def _both(judges: Sequence[Judge], path: Path, row: Row) -> tuple[float, float] | None:
    """Candidate's and champion's scores; None for a frame that cannot be read or has no face."""
    try:
        picture = open_picture(path)
        box, _ = judges[0].place(picture, manifests.box_of(row))
        if box is None:
            return None
        return judges[0].score(picture, box), judges[1].score(picture, box)
    except (OSError, FrameError, CropError):
        return None


def _scored(
    used: Sequence[ScoredFrame],
    both: NDArray[np.float64],
    models: tuple[LivenessModel, LivenessModel],
    skipped: int,
    trained: int,
) -> Scored:
    live = np.array([frame.live for frame in used])
    candidate, champion = both[:, 0], both[:, 1]
    errors = [
        (scores >= model.bundle.threshold.value) != live
        for scores, model in ((champion, models[1]), (candidate, models[0]))
    ]
    names = sorted({frame.domain for frame in used})
    cameras = np.array([names.index(frame.domain) for frame in used])
    return Scored(
        used, champion, candidate, (errors[0], errors[1]), live, cameras, skipped, trained
    )


def _figures(scored: Scored, margins: Margins) -> Iterator[dict[str, Any]]:
    """BPCER, APCER of each species and of the worst, EER and BPCER of each camera; the seed makes reports repeatable."""
    rng = np.random.default_rng(_SEED)
    yield _rate("BPCER", _rates(scored, scored.live, rng), margins.rate)
    species = _species(scored)
    for name, own in species.items():
        yield _rate(f"APCER, {name}", _rates(scored, own, rng), margins.rate)
    enough = [_errors(scored, own) for own in species.values() if own.sum() >= FEWEST]
    if len(enough) > 1:
        pair = resampling.worst_rates(enough, rng)
        yield _rate("APCER, worst species", pair, margins.rate)
    for number, camera in enumerate(sorted({frame.domain for frame in scored.frames})):
        yield from _camera(scored, camera, scored.cameras == number, margins, rng)


def _species(scored: Scored) -> dict[str, Flags]:
    names = np.array([frame.species for frame in scored.frames])
    return {name: (names == name) & ~scored.live for name in sorted(set(names[~scored.live]))}


def _camera(
    scored: Scored, camera: str, inside: Flags, margins: Margins, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    live = scored.live[inside]
    if live.any() and not live.all():
        scores = scored.champion[inside], scored.candidate[inside]
        pair = resampling.eer_rates(*scores, live, rng)
        fewest = int(min(live.sum(), (~live).sum()))
        yield _row(f"EER, {camera}", pair, margins.camera, fewest, by_chance=True)
    if live.any():
        yield _row(f"BPCER, {camera}", _rates(scored, inside & scored.live, rng), None)
    for name, own in _species(scored).items():
        if (own & inside).any():
            yield _row(f"APCER, {name}, {camera}", _rates(scored, own & inside, rng), None)


def _errors(scored: Scored, own: Flags) -> tuple[Flags, Flags, NDArray[np.int64]]:
    return scored.errors[0][own], scored.errors[1][own], scored.cameras[own]


def _rates(scored: Scored, own: Flags, rng: np.random.Generator) -> Pair:
    return resampling.error_rates(*_errors(scored, own), rng)


def _rate(figure: str, pair: Pair, margin: float) -> dict[str, Any]:
    return _row(figure, pair, margin, pair.n, by_chance=pair.n * margin < 1)


def _row(
    figure: str, pair: Pair, margin: float | None, fewest: int = 0, by_chance: bool = False
) -> dict[str, Any]:
    """by_chance: a difference beyond the margin counts only if its interval lies above zero."""
    return {
        "figure": figure,
        "champion": round(pair.champion, 5),
        "candidate": round(pair.candidate, 5),
        "difference": round(pair.difference, 5),
        "interval95": [round(pair.low, 5), round(pair.high, 5)],
        "n": pair.n,
        "margin": margin,
        "verdict": _compared(pair, margin, fewest, by_chance) if margin is not None else "",
    }


def _compared(pair: Pair, margin: float, fewest: int, by_chance: bool) -> str:
    if fewest < FEWEST:
        return "too few"
    if pair.difference > margin + 1e-9:
        return "unclear" if by_chance and pair.low <= 0 else "worse"
    if pair.high > margin:
        return "not ruled out"
    return "better" if pair.high < 0 else "as good"


def _badness(row: Mapping[str, Any]) -> tuple[int, float]:
    return _ORDER.index(row["verdict"]), -row["difference"]


def _verdict(
    models: tuple[LivenessModel, LivenessModel],
    margins: Margins,
    found: Sequence[tuple[dict[str, Any], Scored]],
) -> Verdict:
    proofs = [facts for facts, _ in found]
    reasons = [
        f"{facts['name']}: {in_words(row)}"
        for facts in proofs
        for row in facts["rows"]
        if row["verdict"] == "worse"
    ]
    report = {
        "schema": 1,
        "candidate": _facts(models[0].bundle),
        "champion": _facts(models[1].bundle),
        "margins": {"rate": margins.rate, "camera": margins.camera},
        "resamples": resampling.RESAMPLES,
        "proofs": proofs,
    }
    return Verdict(not reasons, reasons, report, _curves([scored for _, scored in found]))


def _curves(found: Sequence[Scored]) -> dict[str, tuple[resampling.Scores, resampling.Scores]]:
    """Bona fide and attack scores of each model over all proofs, for a plot."""
    live = np.concatenate([scored.live for scored in found])
    champion = np.concatenate([scored.champion for scored in found])
    candidate = np.concatenate([scored.candidate for scored in found])
    return {
        "champion": (champion[live], champion[~live]),
        "candidate": (candidate[live], candidate[~live]),
    }


def in_words(row: Mapping[str, Any]) -> str:
    """What a row says, as a person would."""
    figure, _, of = row["figure"].partition(", ")
    low, high = (100 * bound for bound in row["interval95"])
    direction = "rises" if row["difference"] > 0 else "falls"
    return (
        f"{of + ': ' if of else ''}{figure} {direction} from {_percent(row['champion'])} "
        f"to {_percent(row['candidate'])} (95 %: {low:+.1f} to {high:+.1f} points), "
        f"more than the margin of {_points(row['margin'])}"
    )


def _facts(bundle: Bundle) -> dict[str, Any]:
    return {
        "name": bundle.name,
        "sha256": bundle.sha256,
        "threshold": round(bundle.threshold.value, 5),
        "target": bundle.threshold.target,
    }


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(share: float) -> str:
    points = f"{100 * share:g}"
    return f"{points} point{'' if points == '1' else 's'}"
