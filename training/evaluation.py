"""Scored frames: what the serving engine says of every labelled frame, and what an attempt would make of them.

No torch. ``scores.csv`` holds one frame a line, so that scores made by several models (one a held-out camera, say) can
be joined and reported together. Its columns: ``path``, ``domain`` (one camera), ``subject``, ``species``, ``label``
(live or spoof), ``frame`` (full or crop), ``score`` (p_live, empty without a decision), ``reason`` (why there is none),
``threshold`` (of the model that gave the score), ``lower`` and ``upper`` (the edges of its band, if it has one).
"""

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from liveness.engine import crops, frames, manifests, quality
from liveness.engine.bundle import Bundle, Threshold
from liveness.engine.checking import FORMATS
from liveness.engine.crops import Box, CropError
from liveness.engine.faces import Face, FaceDetector
from liveness.engine.fas import LivenessModel
from liveness.engine.frames import FILE_LIMITS, FrameError, FrameFault, Picture
from liveness.engine.look import Look
from liveness.engine.manifests import ManifestError
from liveness.engine.quality import Quality, QualityLimits
from liveness.engine.session import Session, SessionRules, Verdict, decided

COLUMNS = (
    "path",
    "domain",
    "subject",
    "species",
    "label",
    "frame",
    "score",
    "reason",
    "threshold",
    "lower",
    "upper",
)
NO_FACE, MISSING, BAD_BOX = str(Quality.NO_FACE), "missing", "bad_box"
_SAME_FACE = 0.3
_ACCEPTED = {Verdict.PASS: True, Verdict.FAIL: False, Verdict.ABSTAIN: None}

Row = Mapping[str, str]
Say = Callable[[str], None]


def quiet(line: str) -> None:
    """Progress that nobody reads."""


@dataclass(frozen=True)
class ScoredFrame:
    """One labelled frame. score: p_live, 0–1, or None with the reason: a Quality code, a FrameFault, MISSING or BAD_BOX."""

    path: str
    domain: str
    subject: str
    species: str
    live: bool
    frame: str = "full"
    score: float | None = None
    reason: str = ""
    threshold: float | None = None
    lower: float | None = None
    upper: float | None = None

    @property
    def band(self) -> tuple[float, float] | None:
        """The edges between which its model leaves an attempt undecided."""
        return None if self.lower is None or self.upper is None else (self.lower, self.upper)

    def by(self, model: Threshold) -> "ScoredFrame":
        """The same frame with the threshold and the band of the model that scores it."""
        lower, upper = model.band or (None, None)
        return replace(self, threshold=model.value, lower=lower, upper=upper)

    @property
    def damaged(self) -> bool:
        """The file is at fault: there was nothing to judge. Quality codes are the presentation's."""
        return self.score is None and self.reason not in set(Quality)


@dataclass(frozen=True)
class Trial:
    """One presentation with its outcome, a frame or a whole attempt. accepted: None when there was no decision."""

    domain: str
    species: str
    live: bool
    score: float | None
    accepted: bool | None


@dataclass(frozen=True)
class Judge:
    """The serving engine's steps on labelled frames. gate: abstain as the portal does; else score every face."""

    model: LivenessModel
    detector: FaceDetector
    gate: bool = True
    limits: QualityLimits = field(default_factory=QualityLimits)

    def place(self, picture: Picture, labelled: Box | None) -> tuple[Box | None, str]:
        """Where the labelled face is, or else the largest one, and why it cannot be judged (empty: it can).

        picture: BGR uint8 (H, W, 3). Without the gate, a face that the detector misses stands where its label says.
        """
        faces = _labelled_first(self.detector.detect(picture), labelled)
        if not self.gate:
            box = faces[0].box if faces else labelled
            return box, "" if box else NO_FACE
        reasons, _ = quality.assess(picture, faces, self.limits)
        return (faces[0].box if faces else None), str(reasons[0]) if reasons else ""

    def score(self, picture: Picture, box: Box) -> float:
        """p_live, 0–1, of one face of a picture BGR uint8 (H, W, 3). Raises CropError."""
        patches = crops.patches(picture, box, self.model.bundle.crop)
        return float(self.model.score(patches[None])[0])

    def judge(self, path: Path, labelled: Box | None) -> tuple[float | None, str]:
        """Score and reason of a file; never raises for a missing or damaged one."""
        try:
            picture = open_picture(path)
            box, reason = self.place(picture, labelled)
            return (None, reason) if reason or box is None else (self.score(picture, box), "")
        except OSError:
            return None, MISSING
        except FrameError as error:
            return None, str(error.fault)
        except CropError:
            return None, BAD_BOX


def score_manifest(
    bundle: Bundle,
    rows: Sequence[Row],
    detector: FaceDetector,
    gate: bool = True,
    root: Path = Path(),
    say: Say = quiet,
) -> list[ScoredFrame]:
    """Score manifest rows through the serving engine, in their order. Paths are relative to ``root``.

    Raises BundleError for the bundle and ManifestError for a row that is not understood, or when no file can be read;
    a single frame that is missing or damaged is a frame without a score.
    """
    judge = Judge(LivenessModel(bundle), detector, gate)
    labels = [(labelled_frame(row), manifests.box_of(row)) for row in rows]
    scored = []
    for n, (frame, box) in enumerate(labels, 1):
        score, reason = judge.judge(root / frame.path, box)
        scored.append(replace(frame.by(bundle.threshold), score=score, reason=reason))
        if n % 250 == 0 or n == len(labels):
            say(f"{n} of {len(labels)} frames scored")
    if all(frame.damaged for frame in scored):
        raise ManifestError(f"None of the {len(scored)} frames can be read from {root}.")
    return scored


def labelled_frame(row: Row) -> ScoredFrame:
    """A manifest row without a score. Raises ManifestError for an unknown label or an empty domain."""
    if row.get("label") not in ("live", "spoof") or not row.get("domain"):
        raise ManifestError(
            f"{row['path']}: label {row.get('label')!r} must be live or spoof, and a domain be named."
        )
    live = row["label"] == "live"
    species = "" if live else row.get("species") or "unknown"
    return ScoredFrame(
        path=row["path"],
        domain=row["domain"],
        subject=row.get("subject") or "",
        species=species,
        live=live,
        frame=row.get("frame") or "full",
    )


def open_picture(path: Path) -> Picture:
    """BGR uint8 (H, W, 3) of a file within the limits of files. Raises OSError and FrameError."""
    if path.stat().st_size > FILE_LIMITS.max_bytes:
        raise FrameError(FrameFault.TOO_MANY_BYTES, f"{path} is too large.")
    return frames.decode(path.read_bytes(), FILE_LIMITS, FORMATS)


def write_scores(path: Path, scored: Iterable[ScoredFrame]) -> None:
    """Write ``scores.csv``; numbers in full, so that a report from the file is the same."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_cells(frame) for frame in scored)


def read_scores(paths: Sequence[Path]) -> list[ScoredFrame]:
    """Join score files. Raises ManifestError: unreadable, an impossible value, or a frame that is in two of them."""
    owner: dict[tuple[str, str], Path] = {}
    joined = []
    for path in paths:
        for n, row in enumerate(manifests.read(path), 2):
            frame = _scored_row(row, path, n)
            if (other := owner.setdefault((frame.domain, frame.path), path)) is not path:
                raise ManifestError(f"{frame.path} is in {other} and in {path}; count it once.")
            joined.append(frame)
    if not joined:
        raise ManifestError(f"{', '.join(map(str, paths))}: there is no frame to report.")
    return joined


def frame_trials(scored: Iterable[ScoredFrame], threshold: float | None = None) -> list[Trial]:
    """Every frame decided on its own, as the portal decides one picture: at ``threshold``, or else at that of its model,
    and not at all inside its band. Raises ManifestError.
    """
    return [_trial(frame, threshold) for frame in scored]


def session_trials(
    scored: Iterable[ScoredFrame],
    threshold: float | None = None,
    rules: SessionRules | None = None,
) -> tuple[list[Trial], int]:
    """Attempts made of consecutive frames, and how many frames were left over at the ends.

    The portal's own state machine takes the frames of one camera, person, class and species in the order of their
    paths until it has a verdict; the next attempt begins with the frame after that. A tail without a verdict is an
    attempt that ended without a decision when it has at least as many frames as a verdict needs; otherwise it is left
    over. Damaged files are left out. Whether all frames show one person is not looked at here.
    """
    rules = rules or SessionRules()
    trials: list[Trial] = []
    left = 0
    usable = sorted((f for f in scored if not f.damaged), key=lambda f: (*_sitter(f), f.path))
    for _, group in groupby(usable, _sitter):
        frames_left = list(group)
        while frames_left:
            trial, used = _attempt(frames_left, threshold, rules)
            trials += [trial] if trial else []
            left += 0 if trial else used
            frames_left = frames_left[used:]
    return trials, left


def _attempt(
    waiting: Sequence[ScoredFrame], threshold: float | None, rules: SessionRules
) -> tuple[Trial | None, int]:
    """The next attempt and how many frames it took. Frames come just as fast as the shortest duration allows."""
    first = waiting[0]
    band = first.band if threshold is None else None
    session = Session(threshold_of(first, threshold), rules, band)
    for n, frame in enumerate(waiting, 1):
        verdict = session.add(_look(frame), rules.seconds[0] * (n / rules.judged)).verdict
        if verdict is not Verdict.MORE:
            accepted = _ACCEPTED[verdict]
            score = None if accepted is None else session.pooled
            return Trial(first.domain, first.species, first.live, score, accepted), n
    enough = len(waiting) >= rules.judged
    undecided = Trial(first.domain, first.species, first.live, None, None)
    return (undecided if enough else None), len(waiting)


def threshold_of(frame: ScoredFrame, threshold: float | None = None) -> float:
    """``threshold``, or else the frame's own. Raises ManifestError when there is neither."""
    value = frame.threshold if threshold is None else threshold
    if value is None:
        raise ManifestError(f"{frame.path} names no threshold; give one for all.")
    return value


def _look(frame: ScoredFrame) -> Look:
    reasons = () if frame.score is not None else (Quality(frame.reason),)
    return Look(face=None, reasons=reasons, p_live=frame.score)


def _sitter(frame: ScoredFrame) -> tuple[str, str, bool, str, str, float]:
    threshold = -1.0 if frame.threshold is None else frame.threshold
    return frame.domain, frame.subject, frame.live, frame.species, frame.frame, threshold


def _trial(frame: ScoredFrame, threshold: float | None) -> Trial:
    accepted = None
    if frame.score is not None:
        value = threshold_of(frame, threshold)
        band = frame.band if threshold is None else None
        accepted = _ACCEPTED[decided(frame.score, band or (value, value))]
    return Trial(frame.domain, frame.species, frame.live, frame.score, accepted)


def _labelled_first(faces: Sequence[Face], labelled: Box | None) -> list[Face]:
    """Faces with the labelled one in front; none at all when no face stands where the label says."""
    if labelled is None or not faces:
        return list(faces)
    best = max(faces, key=lambda face: face.box.iou(labelled))
    if best.box.iou(labelled) < _SAME_FACE:
        return []
    return [best, *(face for face in faces if face is not best)]


def _cells(frame: ScoredFrame) -> Iterator[str]:
    yield from (frame.path, frame.domain, frame.subject, frame.species)
    yield "live" if frame.live else "spoof"
    yield from (frame.frame, _number(frame.score), frame.reason)
    yield from map(_number, (frame.threshold, frame.lower, frame.upper))


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


def _scored_row(row: Row, path: Path, line: int) -> ScoredFrame:
    try:
        frame = labelled_frame(row)
        names = ("score", "threshold", "lower", "upper")
        numbers = {name: _share(row.get(name)) for name in names}
    except ValueError as error:
        raise ManifestError(f"{path}, line {line}: {error}") from error
    reason = "" if numbers["score"] is not None else row.get("reason") or "unknown"
    return ScoredFrame(**vars(frame) | numbers | {"reason": reason})


def _share(text: str | None) -> float | None:
    """A number in 0–1, None for an empty cell. Raises ValueError."""
    if not text:
        return None
    value = float(text)
    if not (math.isfinite(value) and 0 <= value <= 1):
        raise ValueError(f"{text} is not in 0–1.")
    return value
