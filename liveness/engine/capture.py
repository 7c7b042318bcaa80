"""One attempt's frames, from the first to the verdict: looks at each, keeps evidence, embeds only after PASS."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from liveness.engine.faces import Embedding, similarity
from liveness.engine.flash import Flash
from liveness.engine.frames import FrameError
from liveness.engine.look import Engine, Look, View
from liveness.engine.reel import Reel
from liveness.engine.session import Decision, Reason, Session, SessionRules, Verdict
from liveness.engine.stream import Risk

_KEPT = 24


@dataclass(frozen=True)
class Shot:
    """A frame as it came: JPEG bytes, what the look showed, seconds since the attempt began."""

    jpeg: bytes
    look: Look
    at: float


@dataclass
class Capture:
    """Runs one attempt on one engine. Not thread-safe: one frame at a time.

    same_person: least cosine similarity between any two live frames of one person, -1–1.
    """

    engine: Engine
    rules: SessionRules
    same_person: float
    looks: list[tuple[float, Look]] = field(default_factory=list)
    shots: list[Shot] = field(default_factory=list)
    embeddings: list[Embedding] = field(default_factory=list)
    reel: Reel[Shot] = field(default_factory=Reel)
    risks: set[Risk] = field(default_factory=set)
    flash: Flash = field(default_factory=Flash)

    def __post_init__(self) -> None:
        self.session = Session(self.engine.threshold, self.rules, self.engine.band)

    def add(self, jpeg: bytes, at: float, view: View | None = None) -> Decision:
        """Judge the next JPEG, ``at`` seconds after the start. A damaged frame is FAIL(bad_frame), never an exception.

        view: of this frame, where there is one already.
        """
        try:
            look = view.look() if view else self.engine.look(jpeg)
        except FrameError:
            return Decision(Verdict.FAIL, Reason.BAD_FRAME)
        self.looks.append((at, look))
        shot = Shot(jpeg, look, at)
        self.reel.add(shot)
        self._keep(shot)
        self.flash.see(jpeg, look, at)
        self.session.held = self.flash.withholds
        decision = self._lit(self.session.add(look, at))
        return self._identify(decision) if decision.verdict is Verdict.PASS else decision

    def note(self, risks: Iterable[Risk]) -> None:
        """Keep what is odd about the stream; from the first on, more frames are asked for."""
        self.risks.update(risks)
        self.session.cautious = bool(self.risks)
        self.flash.consider(self.risks)

    def best(self) -> Shot | None:
        """The judged frame with the highest p_live."""
        return max(self._judged(), key=_score, default=None)

    def worst(self) -> Shot | None:
        """The judged frame with the lowest p_live; without any judged frame, the last one that was kept."""
        return min(self._judged(), key=_score, default=self.shots[-1] if self.shots else None)

    def template(self) -> Embedding:
        """Mean of the live frames' embeddings, unit length. Raises ValueError before PASS."""
        if not self.embeddings:
            raise ValueError("There is no embedding before the liveness verdict is PASS.")
        mean = np.mean(self.embeddings, axis=0)
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

    def _identify(self, passed: Decision) -> Decision:
        """PASS stands only if every judged frame shows one person; the template comes from the live ones alone."""
        judged = self._judged()
        embedded = [
            self.engine.embed(shot.jpeg, shot.look.face) for shot in judged if shot.look.face
        ]
        if not embedded or least_similarity(embedded) < self.same_person:
            return Decision(Verdict.FAIL, Reason.DIFFERENT_PEOPLE, 1.0)
        pairs = zip(judged, embedded, strict=True)
        self.embeddings = [e for shot, e in pairs if _score(shot) >= self.engine.threshold]
        return passed

    def _lit(self, decision: Decision) -> Decision:
        """What the colours make of it: a hint or the end of an attempt that cannot pass any more, never a pass."""
        if decision.verdict is not Verdict.MORE:
            return decision
        refusal = self.flash.refusal
        if refusal is not None:
            verdict = Verdict.FAIL if refusal is Reason.FLASH_WRONG else Verdict.ABSTAIN
            return Decision(verdict, refusal, 1.0)
        progress = min(decision.progress, self.flash.progress)
        return replace(decision, reason=decision.reason or self.flash.hint, progress=progress)

    def _keep(self, shot: Shot) -> None:
        """Judged frames are kept, evenly over the time; of the others only the latest, in case none could be judged."""
        if not shot.look.judged and self._judged():
            return
        if self.shots and not self.shots[-1].look.judged:
            self.shots.pop()
        self.shots.append(shot)
        if len(self.shots) > _KEPT:
            del self.shots[_crowded(self.shots)]

    def _judged(self) -> list[Shot]:
        return [shot for shot in self.shots if shot.look.judged]


def least_similarity(embeddings: Sequence[Embedding]) -> float:
    """The smallest cosine similarity between any two of the embeddings; 1.0 for a single one."""
    pairs = [(a, b) for i, a in enumerate(embeddings) for b in embeddings[i + 1 :]]
    return min((similarity(a, b) for a, b in pairs), default=1.0)


def _crowded(shots: Sequence[Shot]) -> int:
    """The one whose neighbours are nearest in time; neither the first nor the last."""
    return min(range(1, len(shots) - 1), key=lambda n: shots[n + 1].at - shots[n - 1].at)


def _score(shot: Shot) -> float:
    return shot.look.p_live if shot.look.p_live is not None else 0.0
