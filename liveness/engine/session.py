"""The pure state machine of one attempt: Look, Look, … → MORE(hint) | PASS | FAIL(reason) | ABSTAIN(reason).

Evidence is pooled over the whole attempt: the mean of the frames' log-odds, each clipped so that no single frame can
decide. There is no best-of-N: a spoofed frame stays in the pool, and a FAIL consumes the attempt. It is a truncated
sequential test (Wald 1945, "Sequential Tests of Statistical Hypotheses"): pooled evidence above the band passes, below
it fails, and inside it asks for more frames until there are enough to say that it cannot be told. The machine reads no
clock; the caller says when each frame came.
"""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from liveness.engine.look import Look
from liveness.engine.quality import Quality


class Verdict(StrEnum):
    MORE = "more"
    PASS = "pass"
    FAIL = "fail"
    ABSTAIN = "abstain"


class Reason(StrEnum):
    """Why an attempt ended without PASS. An ABSTAIN may also carry a Quality reason."""

    SPOOF = "spoof"
    DIFFERENT_PEOPLE = "different_people"
    TIMED_OUT = "timed_out"
    UNDECIDED = "undecided"
    BAD_FRAME = "bad_frame"
    FLASH_WEAK = "flash_weak"
    FLASH_WRONG = "flash_wrong"
    FLASH_SKIPPED = "flash_skipped"
    ERROR = "error"


@dataclass(frozen=True)
class Decision:
    """verdict; reason: a Quality hint while MORE, the reason otherwise; progress: 0–1 of the frames needed."""

    verdict: Verdict
    reason: Quality | Reason | None = None
    progress: float = 0.0


@dataclass(frozen=True)
class SessionRules:
    """How much evidence an attempt needs.

    judged: frames to judge before deciding; while the evidence lies inside the band, up to ``patience`` times as many;
    live: of ``judged`` frames at least so many above the threshold on their own;
    seconds: shortest and longest duration; frames: how many may come in all; clip: bound on one frame's log-odds.
    """

    judged: int = 6
    patience: int = 2
    live: int = 4
    seconds: tuple[float, float] = (1.0, 30.0)
    frames: int = 240
    clip: float = 4.0


class Session:
    """One attempt. threshold: the bundle's p_live threshold, 0–1 exclusive; band: its lower and upper edge, around it.

    cautious: whether to decide on as many frames only as an undecided attempt gets. It changes nothing else.
    held: whether a pass has to wait for something else. Meanwhile evidence is pooled as ever, and an attack fails.
    """

    def __init__(
        self, threshold: float, rules: SessionRules, band: tuple[float, float] | None = None
    ) -> None:
        self.rules = rules
        self.cautious = False
        self.held = False
        self._threshold = threshold
        self._band = band or (threshold, threshold)
        self._scores: list[float] = []
        self._troubles: Counter[Quality] = Counter()
        self._frames = 0
        self._ended: Decision | None = None

    @property
    def scores(self) -> tuple[float, ...]:
        """p_live of every judged frame so far."""
        return tuple(self._scores)

    @property
    def pooled(self) -> float | None:
        """The pooled p_live of the judged frames, 0–1; None before the first one."""
        if not self._scores:
            return None
        odds = np.clip(log_odds(self._scores), -self.rules.clip, self.rules.clip)
        return float(1.0 / (1.0 + np.exp(-odds.mean())))

    def add(self, look: Look, at: float) -> Decision:
        """Take the next look, ``at`` seconds after the attempt began. Raises ValueError after the end."""
        if self._ended is not None:
            raise ValueError("This attempt has already ended.")
        self._frames += 1
        if look.judged and look.p_live is not None:
            self._scores.append(look.p_live)
        self._troubles.update(look.reasons[:1])
        decision = self._decide(look, at)
        self._ended = None if decision.verdict is Verdict.MORE else decision
        return decision

    def expire(self) -> Decision:
        """The deadline passed without enough evidence: ABSTAIN with the commonest trouble."""
        trouble = self._troubles.most_common(1)
        reason = trouble[0][0] if trouble else Reason.TIMED_OUT
        if len(self._scores) >= self._needed():
            reason = Reason.TIMED_OUT if self.held else Reason.UNDECIDED
        self._ended = Decision(Verdict.ABSTAIN, reason, self.progress)
        return self._ended

    def _decide(self, look: Look, at: float) -> Decision:
        shortest, longest = self.rules.seconds
        more = Decision(Verdict.MORE, next(iter(look.reasons), None), self.progress)
        if len(self._scores) >= self._needed() and at >= shortest:
            judged = self._judge()
            if not self._waits(judged.verdict):
                return judged
        if at > longest or self._frames >= self.rules.frames:
            return self.expire()
        return more

    def _waits(self, verdict: Verdict) -> bool:
        """Whether more frames may still change a verdict, or have to be seen before it counts."""
        if verdict is Verdict.PASS:
            return self.held
        undecided = verdict is Verdict.ABSTAIN
        return undecided and len(self._scores) < self.rules.patience * self.rules.judged

    def _judge(self) -> Decision:
        """ABSTAIN inside the band; above it PASS, if enough frames are live on their own."""
        verdict = decided(self.pooled or 0.0, self._band)
        if verdict is Verdict.ABSTAIN:
            return Decision(verdict, Reason.UNDECIDED, 1.0)
        live = sum(score >= self._threshold for score in self._scores)
        enough = live >= self.rules.live * len(self._scores) / self.rules.judged
        if verdict is Verdict.PASS and enough:
            return Decision(verdict, None, 1.0)
        return Decision(Verdict.FAIL, Reason.SPOOF, 1.0)

    @property
    def progress(self) -> float:
        """0–1 of the frames that are needed."""
        return min(1.0, len(self._scores) / self._needed())

    def _needed(self) -> int:
        return self.rules.judged * (self.rules.patience if self.cautious else 1)


def decided(p_live: float, band: tuple[float, float]) -> Verdict:
    """What evidence p_live, 0–1, says, of an attempt or of one picture alone: FAIL below the band's lower edge, PASS from
    its upper edge on, and ABSTAIN between them.
    """
    lower, upper = band
    if p_live >= upper:
        return Verdict.PASS
    return Verdict.ABSTAIN if p_live >= lower else Verdict.FAIL


def log_odds(p: ArrayLike) -> NDArray[np.float64]:
    """log(p / (1 - p)) of probabilities, kept finite at 0 and 1."""
    bounded = np.clip(np.asarray(p, dtype=np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(bounded / (1 - bounded)))
