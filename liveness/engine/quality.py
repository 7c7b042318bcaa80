"""Can this frame be judged at all? Every reason is something the person in front of the camera can change.

A frame with any reason is an abstention, not an accusation: it never reaches the liveness network.
The default limits were read off the spread of bona fide frames of training cameras.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from liveness.engine.crops import Box
from liveness.engine.faces import Face, Landmarks
from liveness.engine.frames import Picture

_SIDE = 112


class Quality(StrEnum):
    """Why a frame cannot be judged, the most useful hint first."""

    NO_FACE = "no_face"
    MANY_FACES = "many_faces"
    CUT_OFF = "cut_off"
    TOO_FAR = "too_far"
    TOO_CLOSE = "too_close"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    NOT_FRONTAL = "not_frontal"
    BLURRED = "blurred"


@dataclass(frozen=True)
class QualityLimits:
    """Limits of what can be judged.

    min_face: pixels of the box width; max_face, second_face, cut_off: fractions (of the frame's width, of the largest
    face's width, of the box's side); dark, bright: mean grey of the face, 0–255; sharpness: variance of the Laplacian
    of the face at 112 px; yaw: nose offset in eye distances; pitch: nose height between eyes (0) and mouth (1);
    roll: degrees.
    """

    min_face: float = 64.0
    max_face: float = 0.65
    second_face: float = 0.5
    cut_off: float = 0.06
    dark: float = 45.0
    bright: float = 215.0
    sharpness: float = 18.0
    yaw: float = 0.40
    pitch: tuple[float, float] = (0.40, 0.74)
    roll: float = 20.0


@dataclass(frozen=True)
class Measures:
    """What was measured on the largest face: mean grey 0–255, and sharpness as in QualityLimits."""

    brightness: float
    sharpness: float


def assess(
    picture: Picture, faces: Sequence[Face], limits: QualityLimits
) -> tuple[tuple[Quality, ...], Measures | None]:
    """Reasons why this frame cannot be judged (empty: it can) and what was measured on the largest face."""
    if not faces:
        return (Quality.NO_FACE,), None
    face = faces[0]
    grey = _grey_face(picture, face.box)
    if grey is None:
        return (Quality.CUT_OFF,), None
    deviation = float(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_32F))[1][0, 0])
    measures = Measures(brightness=cv2.mean(grey)[0], sharpness=deviation**2)
    found = {
        *_crowd(faces, limits),
        *_place(face.box, picture, limits),
        *_light(measures, limits),
        *_pose(face.landmarks, limits),
    }
    return tuple(reason for reason in Quality if reason in found), measures


def _crowd(faces: Sequence[Face], limits: QualityLimits) -> set[Quality]:
    """People far in the background do not count; a second face near the camera does."""
    rival = faces[1].box.w if len(faces) > 1 else 0.0
    return {Quality.MANY_FACES} if rival >= limits.second_face * faces[0].box.w else set()


def _place(box: Box, picture: Picture, limits: QualityLimits) -> set[Quality]:
    height, width = picture.shape[:2]
    out_x = max(0.0, -box.x) + max(0.0, box.x + box.w - width)
    out_y = max(0.0, -box.y) + max(0.0, box.y + box.h - height)
    found = set()
    if out_x > limits.cut_off * box.w or out_y > limits.cut_off * box.h:
        found.add(Quality.CUT_OFF)
    if box.w < limits.min_face:
        found.add(Quality.TOO_FAR)
    if box.w > limits.max_face * width:
        found.add(Quality.TOO_CLOSE)
    return found


def _light(measures: Measures, limits: QualityLimits) -> set[Quality]:
    found = set()
    if measures.brightness < limits.dark:
        found.add(Quality.TOO_DARK)
    if measures.brightness > limits.bright:
        found.add(Quality.TOO_BRIGHT)
    if measures.sharpness < limits.sharpness and not found:
        found.add(Quality.BLURRED)
    return found


def _pose(points: Landmarks | None, limits: QualityLimits) -> set[Quality]:
    if points is None:
        return set()
    right_eye, left_eye, nose, right_mouth, left_mouth = points
    across = left_eye - right_eye
    distance = float(np.hypot(*across))
    if distance < 1:
        return {Quality.NOT_FRONTAL}
    along = across / distance
    down = np.array([-along[1], along[0]])
    middle = (right_eye + left_eye) / 2
    drop = float(((right_mouth + left_mouth) / 2 - middle) @ down)
    yaw = abs(float((nose - middle) @ along)) / distance
    pitch = float((nose - middle) @ down) / max(drop, 1e-6)
    roll = abs(float(np.degrees(np.arctan2(across[1], across[0]))))
    straight = yaw <= limits.yaw and limits.pitch[0] <= pitch <= limits.pitch[1]
    return set() if straight and roll <= limits.roll else {Quality.NOT_FRONTAL}


def _grey_face(picture: Picture, box: Box) -> NDArray[np.uint8] | None:
    height, width = picture.shape[:2]
    x0, y0 = max(int(box.x), 0), max(int(box.y), 0)
    x1, y1 = min(int(box.x + box.w), width), min(int(box.y + box.h), height)
    if x1 - x0 < 8 or y1 - y0 < 8:
        return None
    grey = cv2.cvtColor(picture[y0:y1, x0:x1], cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)
