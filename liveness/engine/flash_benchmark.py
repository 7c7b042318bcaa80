"""How well the colours tell a face in front of the screen from what only looks like one, under simulated light."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np

from liveness.engine import chroma, frames, hues, manifests, metrics, relight, response
from liveness.engine.chroma import Sample
from liveness.engine.crops import Box
from liveness.engine.frames import Picture
from liveness.engine.relight import Subject
from liveness.engine.response import Answer, Evidence

INDOORS = (150, 300)
LIGHTS = (50, *INDOORS, 500, 2000, 5000)
"""Lux on the face: a dim room, two of living rooms and offices, a bright office, daylight, a window in the sun."""
_ATTACK_LUX = 200
_OTHERS = 50
_LONGEST = 320
_SMALLEST = 64


@dataclass(frozen=True)
class Sitter:
    """A picture, BGR uint8 (H, W, 3), 320 pixels on its longer side at most, with a face in ``box``."""

    picture: Picture
    box: Box


@dataclass(frozen=True)
class Played:
    """One simulated round: what was seen, when colours were sent, which, what became of it, and what others would get."""

    samples: list[Sample]
    sent: list[float]
    evidence: Evidence
    others: list[float]


@dataclass(frozen=True)
class Line:
    """All rounds of one subject under one light. auc: of the sent sequence's score against those of others."""

    subject: Subject
    lux: int
    rounds: int
    auc: float
    correct: float
    wrong: float
    abstain: float
    chance: float

    def row(self) -> dict[str, Any]:
        return {**vars(self), "subject": str(self.subject)}


def sitters(manifest: Path) -> Iterator[Sitter]:
    """The live full frames of a CSV (path, label, frame, domain, x, y, w, h), camera by camera in turn.

    Raises ManifestError and FrameError.
    """
    rows = [
        row
        for row in manifests.read(manifest)
        if row.get("label", "live") == "live" and row.get("frame", "full") == "full"
    ]
    cameras: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        cameras.setdefault(row.get("domain", ""), []).append(row)
    for turn in range(max(map(len, cameras.values()), default=0)):
        for camera in cameras.values():
            box = manifests.box_of(camera[turn]) if turn < len(camera) else None
            if box is not None:
                sitter = shrink(_read(manifest.parent / camera[turn]["path"]), box)
                if sitter.box.w >= _SMALLEST:
                    yield sitter


def shrink(picture: Picture, box: Box) -> Sitter:
    """A sitter of a picture of any size: fewer pixels than a webcam's are a harder case, and quicker."""
    by = min(1.0, _LONGEST / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=by, fy=by, interpolation=cv2.INTER_AREA)
    return Sitter(np.asarray(small, np.uint8), Box(box.x * by, box.y * by, box.w * by, box.h * by))


def play(sitter: Sitter, subject: Subject, lux: float, rng: np.random.Generator) -> Played:
    """One round from the first colour to the answer. A recording shows the light of another attempt."""
    chance = Random(int(rng.integers(2**32)))
    challenge, camera = hues.draw(chance=chance), relight.draw_camera(rng)
    shown = hues.draw(chance=chance) if subject is Subject.RECORDING else challenge
    room = relight.draw_room(lux, rng)
    scene = relight.Scene(sitter.picture, sitter.box, subject, room, camera, rng)
    samples = []
    for at in relight.arrivals(challenge, camera, rng):
        jpeg, box = scene.shot(at, relight.shine(shown, at, camera.delay))
        sample = chroma.of_frame(jpeg, box, float(at))
        samples += [sample] if sample else []
    sent = [n * challenge.seconds for n in range(len(challenge.colours) + 1)]
    others = hues.decoys(_OTHERS, rng)
    shares, _, _ = response.explained(samples, sent, others)
    return Played(
        samples,
        sent,
        response.judge(samples, sent, challenge.colours),
        [float(share) for share in shares],
    )


def measure(people: Sequence[Sitter], subject: Subject, lux: int, rng: np.random.Generator) -> Line:
    """One round of each sitter. Raises ValueError without any."""
    if not people:
        raise ValueError("There is no picture of a face that is large enough.")
    rounds = [play(sitter, subject, lux, rng) for sitter in people]
    answers = [played.evidence.answer for played in rounds]
    others = np.concatenate([played.others for played in rounds])
    share = {answer: answers.count(answer) / len(answers) for answer in Answer}
    return Line(
        subject,
        lux,
        len(rounds),
        metrics.auc([played.evidence.score for played in rounds], others),
        share[Answer.CORRECT],
        share[Answer.WRONG],
        share[Answer.ABSTAIN],
        float((others >= response.LIMITS.correct).mean()),
    )


def plan() -> list[tuple[Subject, int]]:
    """What is measured: people under every light, everything else in one room."""
    attacks = [(subject, _ATTACK_LUX) for subject in Subject if subject is not Subject.PERSON]
    return [(Subject.PERSON, lux) for lux in LIGHTS] + attacks


def shortfalls(lines: Sequence[Line]) -> list[str]:
    """What keeps the figures from being good enough, in words; empty when they are."""
    found = []
    for line in lines:
        name = f"{line.subject} at {line.lux} lux"
        if line.subject is Subject.PERSON and line.lux in INDOORS and line.auc < 0.98:
            found.append(f"{name}: AUC {line.auc:.3f} is below 0.98")
        if line.subject is Subject.PERSON and line.wrong > 0.02:
            found.append(f"{name}: {line.wrong:.1%} of people are told wrong")
        if line.subject is Subject.PERSON and line.lux >= 5000 and line.abstain < 0.5:
            found.append(f"{name}: only {line.abstain:.1%} abstain")
        if line.subject in (Subject.RECORDING, Subject.VIRTUAL) and line.correct > 0:
            found.append(f"{name}: {line.correct:.1%} are taken for correct")
        if line.chance > 0.001:
            found.append(f"{name}: {line.chance:.2%} of other sequences score as correct")
    return found


def _read(path: Path) -> Picture:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise manifests.ManifestError(f"{path} cannot be read: {error}") from error
    return frames.decode(data, frames.FILE_LIMITS, ("JPEG", "PNG"))
