"""One look: a picture becomes a Look, the only thing a session ever sees of it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from liveness.engine import bundle as bundles
from liveness.engine import crops, frames, quality
from liveness.engine.crops import Box
from liveness.engine.faces import DETECTORS, Embedding, Face, FaceDetector, SFace
from liveness.engine.fas import LivenessModel
from liveness.engine.quality import Quality, QualityLimits

Watch = Callable[[str], AbstractContextManager[None]]
"""Surrounds one stage of a look: decode, detect, quality, score or embed."""


def _unwatched(stage: str) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class Look:
    """What one frame showed.

    face: the largest face, if any; reasons: why the frame cannot be judged (empty: it was judged);
    p_live: probability of a live face, 0–1, None when not judged; brightness (0–255) and sharpness: of the face.
    """

    face: Face | None
    reasons: tuple[Quality, ...]
    p_live: float | None = None
    brightness: float | None = None
    sharpness: float | None = None

    @property
    def judged(self) -> bool:
        return self.p_live is not None and not self.reasons


@dataclass(frozen=True)
class View:
    """A frame that could be read.

    size: width and height in pixels; print: what tells it apart from others, as ``frames.thumbprint``; look: what it shows,
    looked at when it is called.
    """

    size: tuple[int, int]
    print: NDArray[np.int32]
    look: Callable[[], Look]


@dataclass(frozen=True)
class Parts:
    """What ``open_engine`` made an Engine of, for a process that needs the same one. sha256: of the bundle."""

    folder: Path
    detector: str
    detector_path: Path | None
    embedder_path: Path | None
    sha256: str


class Engine:
    """Detector, quality gate, liveness model and embedder behind one door. Thread-safe; one per process and model."""

    watch: Watch = staticmethod(_unwatched)
    parts: Parts | None = None

    def __init__(
        self,
        model: LivenessModel,
        detector: FaceDetector,
        embedder: SFace,
        limits: QualityLimits | None = None,
    ) -> None:
        self.model = model
        self.detector = detector
        self.embedder = embedder
        self.limits = limits or QualityLimits()

    @property
    def threshold(self) -> float:
        return self.model.bundle.threshold.value

    @property
    def band(self) -> tuple[float, float]:
        """Edges of what cannot be told: pooled evidence below the first is an attack, from the second on live."""
        return self.model.bundle.threshold.band or (self.threshold, self.threshold)

    def decode(self, jpeg: bytes) -> frames.Picture:
        """One camera frame as a picture. Raises FrameError."""
        with self.watch("decode"):
            return frames.decode(jpeg)

    def view(self, jpeg: bytes) -> View:
        """Decode one camera frame, to be looked at if it is worth it. Raises FrameError."""
        picture = self.decode(jpeg)
        height, width = picture.shape[:2]
        return View((width, height), frames.thumbprint(picture), lambda: self.look(jpeg, picture))

    def look(self, jpeg: bytes, picture: frames.Picture | None = None) -> Look:
        """Decode, detect, gate and score one camera frame. Raises FrameError; frames that fail the gate stay unscored.

        picture: what the JPEG decodes to, where that is known.
        """
        return self.look_at(self.decode(jpeg) if picture is None else picture)

    def look_at(self, picture: frames.Picture, faces: Sequence[Face] | None = None) -> Look:
        """As ``look``, for a decoded BGR uint8 (H, W, 3) picture, or for faces that are already known."""
        with self.watch("detect"):
            found = list(faces) if faces is not None else self.detector.detect(picture)
        with self.watch("quality"):
            reasons, measures = quality.assess(picture, found, self.limits)
        face = found[0] if found else None
        p_live = self.score(picture, face.box) if face and not reasons else None
        return Look(
            face=face,
            reasons=reasons,
            p_live=p_live,
            brightness=measures.brightness if measures else None,
            sharpness=measures.sharpness if measures else None,
        )

    def score(self, picture: frames.Picture, box: Box) -> float:
        """Score one face box without the quality gate: p_live, 0–1. For evaluation; the portal calls ``look``."""
        with self.watch("score"):
            patches = crops.patches(picture, box, self.model.bundle.crop)[None]
            return float(self.model.score(patches)[0])

    def embed(self, jpeg: bytes, face: Face) -> Embedding:
        """Embed the face of a frame that was judged before: (128,) float32, unit length."""
        with self.watch("embed"):
            return self.embed_at(frames.decode(jpeg), face)

    def embed_at(self, picture: frames.Picture, face: Face) -> Embedding:
        """As ``embed``, for a decoded BGR uint8 (H, W, 3) picture."""
        return self.embedder.embed(picture, face)


def open_engine(
    folder: Path = bundles.BUNDLED,
    detector: str = "yunet",
    detector_path: Path | None = None,
    embedder_path: Path | None = None,
    limits: QualityLimits | None = None,
) -> Engine:
    """Load and prove everything an Engine needs, one thread each.

    Raises BundleError for the liveness bundle, WeightsError for the detector's or embedder's files, and ValueError
    for an unknown detector name.
    """
    if detector not in DETECTORS:
        raise ValueError(f"Unknown detector {detector!r}; known: {', '.join(sorted(DETECTORS))}.")
    cv2.setNumThreads(1)
    engine = Engine(
        LivenessModel(bundles.load(folder)),
        DETECTORS[detector](detector_path),
        SFace(embedder_path),
        limits,
    )
    if limits is None:
        sha256 = engine.model.bundle.sha256
        engine.parts = Parts(folder, detector, detector_path, embedder_path, sha256)
    engine.detector.detect(np.zeros((64, 64, 3), np.uint8))
    return engine
