"""An engine that says what a test wants, a picture for it to look at, and the people in front of its camera."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from types import SimpleNamespace
from typing import Any

import numpy as np

from liveness import runtime, services
from liveness.engine import frames
from liveness.engine.bundle import Bundle, Golden, Threshold
from liveness.engine.capture import Capture
from liveness.engine.crops import Box, CropSpec
from liveness.engine.faces import Embedding, Face
from liveness.engine.look import Engine, Look
from liveness.engine.quality import Quality
from liveness.engine.session import Decision, Verdict
from liveness.models import Attempt

THRESHOLD = 0.7
BOX = Box(100.0, 80.0, 120.0, 140.0)
SESSION = "a" * 32
OTHER_SESSION = "b" * 32

Step = Look | Exception
"""What one frame shows, or the exception that looking at it raises."""


def person(seed: int) -> Embedding:
    """The embedding of an invented person: (128,) float32, unit length; two seeds are all but orthogonal."""
    vector = np.random.default_rng(seed).normal(size=128)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


ALICE = person(1)
MALLORY = person(2)


def live(p_live: float = 0.99, box: Box = BOX) -> Look:
    return Look(face=Face(box, 0.9), reasons=(), p_live=p_live, brightness=120, sharpness=200)


def spoof(p_live: float = 0.02) -> Look:
    return live(p_live)


def unclear(*reasons: Quality) -> Look:
    face = None if Quality.NO_FACE in reasons else Face(BOX, 0.9)
    return Look(face=face, reasons=reasons or (Quality.TOO_DARK,))


def jpeg(width: int = 320, height: int = 240, seed: int = 0) -> bytes:
    """A valid camera frame of noise; ``seed`` tells frames apart."""
    noise = np.random.default_rng(seed).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
    return frames.encode_jpeg(noise.repeat(8, 0).repeat(8, 1))


def bundle(sha256: str = "f" * 64) -> Bundle:
    """A bundle without a network, for engines that need none."""
    spec = CropSpec(scales=(1.5, 2.7), size=32)
    golden = Golden(np.zeros((0, 2, 32, 32, 3), np.uint8), np.zeros(0, np.float32), 0.01)
    threshold = Threshold(THRESHOLD, "as the test says", 0, 0)
    return Bundle("fake", sha256, b"", spec, ("live", "print"), threshold, golden, {})


class FakeEngine(Engine):
    """Stands in for an Engine. ``looks`` are given one a frame, the last one for ever; frames must be real JPEGs.

    people: the embeddings of the frames it is asked to embed, in order, the last one for ever.
    """

    def __init__(
        self, looks: Iterable[Step] | Step = (), people: Iterable[Embedding] = (ALICE,)
    ) -> None:
        self.model: Any = SimpleNamespace(bundle=bundle())
        self.detector: Any = SimpleNamespace(detect=lambda picture: [Face(BOX, 0.9)])
        self.seen = 0
        self.embedded = 0
        steps = [looks] if isinstance(looks, Look | Exception) else list(looks)
        self._looks = _forever(steps or [live()])
        self._people = _forever(list(people))

    @property
    def threshold(self) -> float:
        return THRESHOLD

    def look(self, jpeg: bytes, picture: frames.Picture | None = None) -> Look:
        if picture is None:
            frames.decode(jpeg)
        self.seen += 1
        return self._next()

    def look_at(self, picture: frames.Picture, faces: Any = None) -> Look:
        return self._next()

    def score(self, picture: frames.Picture, box: Box) -> float:
        return self._next().p_live or 0.0

    def embed_at(self, picture: frames.Picture, face: Face) -> Embedding:
        self.embedded += 1
        return next(self._people)

    def _next(self) -> Look:
        step = next(self._looks)
        if isinstance(step, Exception):
            raise step
        return step


class HookedEngine(FakeEngine):
    """Calls ``hook`` on the worker thread before each look: to block, to count, to fail."""

    def __init__(self, hook: Callable[[], object], looks: Iterable[Step] | Step = ()) -> None:
        super().__init__(looks)
        self._hook = hook

    def look(self, jpeg: bytes, picture: frames.Picture | None = None) -> Look:
        self._hook()
        return super().look(jpeg, picture)


@contextmanager
def serving(engine: Any) -> Iterator[Any]:
    """Let this engine serve every attempt of the block."""
    with runtime.override(engine):
        yield engine


def passed_attempt(
    *,
    purpose: str = "signin",
    session_key: str = SESSION,
    claimed: str = "",
    user: Any = None,
    embedding: Embedding = ALICE,
) -> Attempt:
    """An attempt that went all the way to PASS with this embedding, through the real services."""
    engine = FakeEngine(live(), [embedding])
    return ended_attempt(engine, purpose, session_key, claimed, user)


def ended_attempt(
    engine: Any,
    purpose: str = "signin",
    session_key: str = SESSION,
    claimed: str = "",
    user: Any = None,
) -> Attempt:
    """An attempt that ran on this engine until it was decided, or until the deadline."""
    attempt, ticket = services.open_attempt(
        purpose=purpose, session_key=session_key, claimed=claimed, user=user
    )
    attempt = services.start_attempt(ticket=ticket, session_key=session_key)
    decision, capture = run_capture(engine, purpose)
    return services.close_attempt(attempt=attempt, decision=decision, capture=capture)


def run_capture(
    engine: Any, purpose: str = "signin", every: float = 0.4
) -> tuple[Decision, Capture]:
    """Feed frames, one ``every`` seconds, until there is a decision: (decision, capture)."""
    capture = Capture(engine, runtime.rules_for(purpose), 0.43)
    for n in range(1000):
        decision = capture.add(jpeg(seed=n % 3), n * every)
        if decision.verdict is not Verdict.MORE:
            return decision, capture
    raise AssertionError("The session never ended.")


def _forever(steps: list[Any]) -> Iterator[Any]:
    return chain(steps[:-1], repeat(steps[-1]))
