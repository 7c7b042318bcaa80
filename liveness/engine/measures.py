"""What the frames of one attempt had in common, in a few numbers: enough to see later that the world has changed."""

from statistics import median
from typing import TypedDict

from liveness.engine.capture import Capture
from liveness.engine.exhibits import upright_size
from liveness.engine.frames import FrameError


class AttemptMeasures(TypedDict):
    """light: median mean grey of the face, 0–255; face: median longer side of the face box over the frame's height;
    unjudged: share of frames that could not be judged, 0–1. None where no frame showed it.
    """

    light: float | None
    face: float | None
    unjudged: float


def of_capture(capture: Capture) -> AttemptMeasures | None:
    """The numbers of an attempt; None when no frame was looked at."""
    looks = [look for _, look in capture.looks]
    if not looks:
        return None
    light = [look.brightness for look in looks if look.brightness is not None]
    sides = [max(look.face.box.w, look.face.box.h) for look in looks if look.face]
    height = _frame_height(capture)
    return AttemptMeasures(
        light=round(median(light), 1) if light else None,
        face=round(median(sides) / height, 4) if sides and height else None,
        unjudged=round(sum(not look.judged for look in looks) / len(looks), 4),
    )


def _frame_height(capture: Capture) -> int | None:
    """Pixels; a camera does not change its size within an attempt, so one kept frame tells."""
    try:
        return upright_size(capture.shots[-1].jpeg)[1] if capture.shots else None
    except FrameError:
        return None
