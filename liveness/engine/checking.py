"""One picture outside any session: the command line, the API and the evaluation of whole data sets ask here."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from liveness.engine import frames
from liveness.engine.crops import Box, CropError
from liveness.engine.faces import Face
from liveness.engine.frames import FILE_LIMITS, FrameError, FrameLimits, Picture
from liveness.engine.look import Engine

FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
_SAME_FACE = 0.3


class Outcome(StrEnum):
    LIVE = "live"
    SPOOF = "spoof"
    ABSTAIN = "abstain"
    ERROR = "error"


@dataclass(frozen=True)
class Check:
    """What one picture showed.

    p_live: 0–1 whenever there is a face, judged or not; box: left, top, width, height in pixels; reason: the first
    Quality code of an abstention, the FrameFault or "bad_box" of an error, otherwise empty.
    """

    verdict: Outcome
    p_live: float | None = None
    box: Box | None = None
    reason: str = ""

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


def _judge(engine: Engine, picture: Picture, box: Box | None) -> Check:
    faces = None if box is None else [_face_at(engine, picture, box)]
    look = engine.look_at(picture, faces)
    if look.face is None:
        return Check(Outcome.ABSTAIN, reason=look.reasons[0])
    if look.p_live is None:
        p_live = engine.score(picture, look.face.box)
        return Check(Outcome.ABSTAIN, p_live, look.face.box, look.reasons[0])
    outcome = Outcome.LIVE if look.p_live >= engine.threshold else Outcome.SPOOF
    return Check(outcome, look.p_live, look.face.box)


def _face_at(engine: Engine, picture: Picture, box: Box) -> Face:
    """The detected face that overlaps the box best; where none does, the box itself."""
    found = engine.detector.detect(picture)
    best = max(found, key=lambda face: face.box.iou(box), default=None)
    return best if best and best.box.iou(box) >= _SAME_FACE else Face(box, 0.0)
