"""One attempt as the shadow model sees it: the same frames, after their answers were sent, and no say in anything.

A frame for which there is no room is dropped; whatever goes wrong is logged and counted. Nothing here raises.
"""

import asyncio
import logging
from concurrent.futures import Future
from typing import Any, NamedTuple

from liveness import registry, runtime
from liveness.engine import frames
from liveness.engine.capture import Capture
from liveness.engine.look import Engine, Look
from liveness.engine.session import Decision, Reason, Session, SessionRules, Verdict
from liveness.models import Attempt

logger = logging.getLogger(__name__)

_PATIENCE = 3.0
UNDECIDED = "undecided"


class Shown(NamedTuple):
    """A frame that the champion has looked at: JPEG bytes, seconds since the start, what it showed."""

    jpeg: bytes
    at: float
    look: Look


class Shadow:
    """Scores the frames that the champion judged, in their order, on the thread for such work."""

    def __init__(self, engine: Engine, rules: SessionRules) -> None:
        self._engine = engine
        self._rules = rules
        self._seen: list[tuple[float, Look, Future[float] | None]] = []
        self._dropped = 0

    def see(self, shown: Shown | None) -> None:
        """Take the next frame; the one it saw last is no new one."""
        if shown is None or (self._seen and self._seen[-1][0] == shown.at):
            return
        look = shown.look
        self._seen.append((shown.at, look, self._enqueue(shown) if look.judged else None))

    async def result(self, decision: Decision) -> dict[str, Any]:
        """For ``Attempt.shadow``; waits a moment for frames that are still being scored."""
        waiting = [asyncio.wrap_future(future) for _, _, future in self._seen if future]
        if waiting:
            await asyncio.wait(waiting, timeout=_PATIENCE)
        return self._as_dict(decision)

    def _enqueue(self, shown: Shown) -> Future[float] | None:
        try:
            return runtime.run_aside(_score, self._engine, shown.jpeg, shown.look)
        except (runtime.Busy, RuntimeError):
            self._dropped += 1
            return None

    def _as_dict(self, decision: Decision) -> dict[str, Any]:
        scored = [(at, look, _outcome(future)) for at, look, future in self._seen]
        failed = sum(isinstance(score, Exception) for _, _, score in scored)
        session, verdict = self._replay(scored)
        bundle = self._engine.model.bundle
        return {
            "sha256": bundle.sha256,
            "name": bundle.name,
            "threshold": self._engine.threshold,
            "pooled": session.pooled,
            "verdict": verdict,
            "champion": champion_said(decision),
            "scores": [
                [round(at, 3), round(score, 4) if isinstance(score, float) else None]
                for at, look, score in scored
                if look.judged
            ],
            "dropped": self._dropped,
            "failed": failed,
        }

    def _replay(self, scored: list[tuple[float, Look, Any]]) -> tuple[Session, str]:
        """The portal's own state machine over the shadow's scores, until it has a verdict; frames may be missing."""
        session = Session(self._engine.threshold, self._rules, self._engine.band)
        for at, look, score in scored:
            p_live = score if isinstance(score, float) else None
            if look.judged and p_live is None:
                continue
            verdict = session.add(Look(look.face, look.reasons, p_live), at).verdict
            if verdict is not Verdict.MORE:
                return session, str(verdict)
        return session, UNDECIDED


def last_shown(capture: Capture, jpeg: bytes) -> Shown | None:
    """The frame that was looked at last; a damaged one has not been looked at, and the one before it is given."""
    return Shown(jpeg, *capture.looks[-1]) if capture.looks else None


def begin(rules: SessionRules) -> Shadow | None:
    """The shadow of a new attempt, if a model is in shadow mode and ready."""
    try:
        engine = runtime.get_shadow()
        return Shadow(engine, rules) if engine is not None else None
    except Exception:
        logger.exception("the shadow model cannot be asked")
        return None


def store(attempt: Attempt, result: dict[str, Any]) -> None:
    """Keep it with the attempt; trouble is logged."""
    try:
        registry.note_shadow(attempt=attempt, result=result)
    except Exception:
        logger.exception("attempt %s: the shadow's opinion is lost", attempt.pk)


def champion_said(decision: Decision) -> str:
    """Pass or fail of the liveness model itself: two living people in one attempt are refused, and living."""
    if decision.reason is Reason.DIFFERENT_PEOPLE:
        return str(Verdict.PASS)
    return str(decision.verdict)


def _score(engine: Engine, jpeg: bytes, look: Look) -> float:
    assert look.face is not None  # noqa: S101  (a frame without a face is never judged)
    try:
        return engine.score(frames.decode(jpeg), look.face.box)
    except Exception:
        logger.exception("the shadow model failed on a frame")
        raise


def _outcome(future: Future[float] | None) -> float | Exception | None:
    """The score, the exception, or None: dropped, or not there yet."""
    if future is None or not future.done() or future.cancelled():
        return None
    error = future.exception()
    return Exception(str(error)) if error else float(future.result())
