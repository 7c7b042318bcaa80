"""One picture outside any session: the command line, the API and the evaluation of whole data sets ask here."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from liveness.engine import frames
from liveness.engine.crops import Box, CropError
from liveness.engine.faces import Face, NoLandmarksError, similarity
from liveness.engine.frames import FILE_LIMITS, FrameError, FrameLimits, Picture
from liveness.engine.look import Engine, Look
from liveness.engine.session import Decision, Reason, Session, SessionRules, Verdict, decided

FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
_SAME_FACE = 0.3


class Outcome(StrEnum):
    LIVE = "live"
    SPOOF = "spoof"
    ABSTAIN = "abstain"
    ERROR = "error"


_OUTCOMES = {Verdict.PASS: Outcome.LIVE, Verdict.FAIL: Outcome.SPOOF}


@dataclass(frozen=True)
class Check:
    """What one picture showed.

    p_live: 0–1 whenever there is a face, judged or not; box: left, top, width, height in pixels; reason: the first
    Quality code of an abstention, or "undecided" where p_live lies inside the model's band, the FrameFault or "bad_box" of
    an error, otherwise empty.
    """

    verdict: Outcome
    p_live: float | None = None
    box: Box | None = None
    reason: str = ""

    @property
    def judged(self) -> bool:
        """Whether the network's word counts, even where it cannot tell."""
        return self.verdict in _OUTCOMES.values() or self.reason == Reason.UNDECIDED

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types; p_live to four digits, the box as [x, y, w, h] to one."""
        box = [round(value, 1) for value in asdict(self.box).values()] if self.box else None
        p_live = None if self.p_live is None else round(self.p_live, 4)
        return {
            "verdict": str(self.verdict),
            "p_live": p_live,
            "box": box,
            "reason": self.reason or None,
        }


def check(
    engine: Engine, data: bytes, box: Box | None = None, limits: FrameLimits = FILE_LIMITS
) -> Check:
    """Judge an encoded picture: its largest face, or the face at ``box``. Never raises for a damaged picture."""
    try:
        picture = frames.decode(data, limits, FORMATS)
        return _judge(engine, picture, box)
    except FrameError as error:
        return Check(Outcome.ERROR, reason=error.fault)
    except CropError:
        return Check(Outcome.ERROR, reason="bad_box")


@dataclass(frozen=True)
class Burst:
    """What several pictures of one person showed. pooled: p_live over the judged ones, 0–1, None without any."""

    verdict: Outcome
    reason: str
    pooled: float | None
    judged: int
    pictures: tuple[Check, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "verdict": str(self.verdict),
            "reason": self.reason or None,
            "pooled": None if self.pooled is None else round(self.pooled, 4),
            "judged": self.judged,
            "pictures": [picture.as_dict() for picture in self.pictures],
        }


@dataclass(frozen=True)
class Pair:
    """Whether two pictures show one person. similarity: cosine, -1–1, None where they were not compared.

    reason: why not; fault: the FrameFault of a reference that cannot be read.
    """

    probe: Check
    similarity: float | None = None
    reason: str = ""
    fault: str = ""


def check_burst(engine: Engine, pictures: Sequence[bytes], rules: SessionRules) -> Burst:
    """Pool encoded pictures of one person as a capture pools its frames. Never raises for a damaged picture.

    rules: of a capture; fewer judged pictures than they ask for are enough when each that came was judged.
    """
    checks = tuple(check(engine, data) for data in pictures)
    judged = [c.p_live for c in checks if c.judged]
    if len(judged) < len(checks) / 2:
        abstained = (c for c in checks if c.verdict is Outcome.ABSTAIN and not c.judged)
        trouble = next((c.reason for c in abstained), "unreadable")
        return Burst(Outcome.ABSTAIN, trouble, None, len(judged), checks)
    share = rules.live / rules.judged
    ours = replace(
        rules,
        judged=len(judged),
        live=max(1, round(share * len(judged))),
        patience=1,
        seconds=(0.0, float("inf")),
        frames=len(judged) + 1,
    )
    session, decision = Session(engine.threshold, ours, engine.band), Decision(Verdict.MORE)
    for p_live in judged:
        decision = session.add(Look(None, (), p_live), 0.0)
    outcome = _OUTCOMES.get(decision.verdict, Outcome.ABSTAIN)
    return Burst(outcome, str(decision.reason or ""), session.pooled, len(judged), checks)


def check_pair(engine: Engine, probe: bytes, reference: bytes) -> Pair:
    """Compare the largest faces of two encoded pictures, if the one in ``probe`` was judged live; otherwise never."""
    checked = check(engine, probe)
    if checked.verdict is not Outcome.LIVE:
        return Pair(checked, reason=checked.reason or str(checked.verdict))
    try:
        pictures = [frames.decode(data, FILE_LIMITS, FORMATS) for data in (probe, reference)]
    except FrameError as error:
        return Pair(checked, fault=error.fault)
    found = [engine.detector.detect(picture) for picture in pictures]
    if not all(found):
        return Pair(checked, reason="no_face_in_reference")
    pairs = zip(pictures, found, strict=True)
    try:
        ours, theirs = (engine.embed_at(picture, faces[0]) for picture, faces in pairs)
    except NoLandmarksError:
        return Pair(checked, reason="not_comparable")
    return Pair(checked, similarity(ours, theirs))


def _judge(engine: Engine, picture: Picture, box: Box | None) -> Check:
    faces = None if box is None else [_face_at(engine, picture, box)]
    look = engine.look_at(picture, faces)
    if look.face is None:
        return Check(Outcome.ABSTAIN, reason=look.reasons[0])
    if look.p_live is None:
        p_live = engine.score(picture, look.face.box)
        return Check(Outcome.ABSTAIN, p_live, look.face.box, look.reasons[0])
    outcome = _OUTCOMES.get(decided(look.p_live, engine.band), Outcome.ABSTAIN)
    reason = Reason.UNDECIDED if outcome is Outcome.ABSTAIN else ""
    return Check(outcome, look.p_live, look.face.box, reason)


def _face_at(engine: Engine, picture: Picture, box: Box) -> Face:
    """The detected face that overlaps the box best; where none does, the box itself."""
    found = engine.detector.detect(picture)
    best = max(found, key=lambda face: face.box.iou(box), default=None)
    return best if best and best.box.iou(box) >= _SAME_FACE else Face(box, 0.0)
