"""Does the verdict hang on where the detector put its box? Boxes moved and scaled by a fifth, and mirrored pictures.

A detector's box differs from the next one's by about that much, and a mirrored face is as much alive as the face.
Whether it gets in may change for at most LIMIT of the boxes; how often the answer changes at all, with "undecided" as one
of three, is said beside it. No torch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from liveness.engine import manifests
from liveness.engine.bundle import Bundle
from liveness.engine.crops import Box, CropError
from liveness.engine.faces import FaceDetector
from liveness.engine.fas import LivenessModel
from liveness.engine.frames import FrameError, Picture
from liveness.engine.metrics import Proportion
from liveness.engine.session import SessionRules
from training.evaluation import (
    Judge,
    Row,
    Say,
    ScoredFrame,
    frame_trials,
    labelled_frame,
    open_picture,
    quiet,
    session_trials,
)

LIMIT = 0.02
FLIP = "mirrored"


@dataclass(frozen=True)
class Move:
    """dx, dy: shift of the centre in sides of the box, right and down; scale: of width and height."""

    name: str
    dx: float = 0.0
    dy: float = 0.0
    scale: float = 1.0


MOVES = (
    Move("20 % left", dx=-0.2),
    Move("20 % right", dx=0.2),
    Move("20 % up", dy=-0.2),
    Move("20 % down", dy=0.2),
    Move("scaled by 0.8", scale=0.8),
    Move("scaled by 1.2", scale=1.2),
    Move("20 % left and up, scaled by 0.8", -0.2, -0.2, 0.8),
    Move("20 % right and down, scaled by 1.2", 0.2, 0.2, 1.2),
)


@dataclass(frozen=True)
class Probe:
    """A judged frame as it is, and its p_live under each move and mirrored, by name."""

    frame: ScoredFrame
    scores: Mapping[str, float]


def moved(box: Box, move: Move) -> Box:
    """The box after a move: shifted by shares of its longer side, scaled around its own centre."""
    x, y = box.centre
    x, y = x + move.dx * box.side, y + move.dy * box.side
    w, h = box.w * move.scale, box.h * move.scale
    return Box(x - w / 2, y - h / 2, w, h)


def mirrored(picture: Picture, box: Box) -> tuple[Picture, Box]:
    """Picture BGR uint8 (H, W, 3) and box, left and right exchanged."""
    flipped = np.ascontiguousarray(picture[:, ::-1])
    return flipped, Box(picture.shape[1] - box.x - box.w, box.y, box.w, box.h)


def probe_manifest(
    bundle: Bundle,
    rows: Sequence[Row],
    detector: FaceDetector,
    gate: bool = True,
    root: Path = Path(),
    say: Say = quiet,
) -> list[Probe]:
    """Probe every frame that is judged; others, and boxes that a move takes out of the picture, are left out."""
    judge = Judge(LivenessModel(bundle), detector, gate)
    found = []
    for n, row in enumerate(rows, 1):
        frame = labelled_frame(row).by(bundle.threshold)
        probe = _probe(judge, frame, root / frame.path, manifests.box_of(row))
        found += [probe] if probe else []
        if n % 100 == 0 or n == len(rows):
            say(f"{n} of {len(rows)} frames probed")
    return found


def _probe(judge: Judge, frame: ScoredFrame, path: Path, labelled: Box | None) -> Probe | None:
    try:
        picture = open_picture(path)
        box, reason = judge.place(picture, labelled)
        if box is None or reason:
            return None
        scores = {move.name: judge.score(picture, moved(box, move)) for move in MOVES}
        scores[FLIP] = judge.score(*mirrored(picture, box))
        return Probe(replace(frame, score=judge.score(picture, box)), scores)
    except (OSError, FrameError, CropError):
        return None


def figures(
    probes: Sequence[Probe], threshold: float | None = None, rules: SessionRules | None = None
) -> dict[str, Any]:
    """Shares of changed decisions: over all moves, of each move (worst first), and mirrored.

    Each has ``changed``, the frames that get in in one case and not in the other; ``answers``, those that are accepted,
    refused or left undecided in one case and not in the other; and ``changed_sessions``, the same as ``answers`` of attempts.
    ``met``: whether moves and mirroring change whether a frame gets in for at most LIMIT of the frames each. The moves of
    one frame depend on each other, so the interval of all moves together is too narrow.
    """
    each = {name: _changes(probes, name, threshold, rules) for name in (*_names(), FLIP)}
    together = {kind: _sum([each[name][kind] for name in _names()]) for kind in each[FLIP]}
    order = sorted(_names(), key=lambda name: -each[name]["changed"].errors)
    worst = max(together["changed"].rate, each[FLIP]["changed"].rate)
    return {
        "limit": LIMIT,
        "met": bool(probes) and worst <= LIMIT,
        "frames": len(probes),
        "moves": _plain(together),
        "mirrored": _plain(each[FLIP]),
        "each": [{"move": name, **_plain(each[name])} for name in order],
    }


def _changes(
    probes: Sequence[Probe], name: str, threshold: float | None, rules: SessionRules | None
) -> dict[str, Proportion]:
    """What changes under one move. Attempts take the same frames before and after: an undecided one asks for no more."""
    rules = replace(rules or SessionRules(), patience=1)
    before = [probe.frame for probe in probes]
    after = [replace(probe.frame, score=probe.scores[name]) for probe in probes]
    one, other = ([t.accepted for t in frame_trials(f, threshold)] for f in (before, after))
    sessions = (
        [t.accepted for t in session_trials(f, threshold, rules)[0]] for f in (before, after)
    )
    return {
        "changed": _differ([a is True for a in one], [a is True for a in other]),
        "answers": _differ(one, other),
        "changed_sessions": _differ(*sessions),
    }


def _differ(before: Sequence[bool | None], after: Sequence[bool | None]) -> Proportion:
    pairs = list(zip(before, after, strict=True))
    return Proportion(sum(one is not other for one, other in pairs), len(pairs))


def _plain(changes: Mapping[str, Proportion]) -> dict[str, Any]:
    return {kind: share.as_dict() for kind, share in changes.items()}


def _sum(parts: Sequence[Proportion]) -> Proportion:
    return Proportion(sum(part.errors for part in parts), sum(part.n for part in parts))


def _names() -> tuple[str, ...]:
    return tuple(move.name for move in MOVES)
