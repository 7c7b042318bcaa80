"""The rounds of colours of one attempt: when they are asked for, what came back, and whether a pass may stand.

The check can withhold a pass and ask for more; it never adds trust. Whoever cannot bear changing colours skips them,
and then something else has to be asked for.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from liveness.engine import chroma, hues, response
from liveness.engine.chroma import Sample
from liveness.engine.hues import Challenge
from liveness.engine.look import Look
from liveness.engine.response import Answer, Evidence, Why
from liveness.engine.session import Reason

ROUNDS = 2
# Frames before the first round: they tell how fast this camera and its network are.
_FIRST = 4
# Seconds between two rounds: time to read the hint and to dim a lamp.
_PAUSE = 3.0


class Ask(StrEnum):
    """When the colours are asked for: never, of streams with a risk, of everybody."""

    OFF = "off"
    STEPUP = "stepup"
    ALWAYS = "always"


class Skip(StrEnum):
    """The person takes part; skips, and is asked for something else later; or skips where there is nothing else."""

    NO = "no"
    ALLOWED = "allowed"
    REFUSED = "refused"


@dataclass
class Flash:
    """Frames are seen one at a time; ``painted`` may be called from another thread meanwhile.

    rounds: what came back so far; challenge: the round that runs, if one does.
    """

    ask: Ask = Ask.OFF
    skip: Skip = Skip.NO
    wanted: bool = False
    challenge: Challenge | None = None
    rounds: list[Evidence] = field(default_factory=list)
    _sent: list[float] = field(default_factory=list)
    _samples: list[Sample] = field(default_factory=list)
    _rest: float = 0.0
    _times: deque[float] = field(default_factory=lambda: deque(maxlen=12))

    def __post_init__(self) -> None:
        self.wanted = self.ask is Ask.ALWAYS

    def consider(self, risks: Collection[str]) -> None:
        """What is odd about the stream may make the colours necessary."""
        self.wanted |= self.ask is Ask.STEPUP and bool(risks)

    def see(self, jpeg: bytes, look: Look, at: float) -> None:
        """Take the next frame, ``at`` seconds after the attempt began. A judged one begins a round."""
        self._times.append(at)
        if not self._runs:
            return
        if self.challenge is None:
            if look.judged and at >= self._rest and len(self._times) >= _FIRST:
                self.challenge = hues.draw(float(np.median(np.diff(self._times))))
            return
        if look.face is not None and self._sent:
            sample = chroma.of_frame(jpeg, look.face.box, at)
            self._samples += [sample] if sample else []
        if len(self._sent) > len(self.challenge.colours):
            self._end_round(self.challenge, at)

    def painted(self, at: float) -> None:
        """The next colour was sent, ``at`` seconds after the attempt began; once more when the last one is over."""
        self._sent.append(at)

    @property
    def unpainted(self) -> Challenge | None:
        """A round of which nothing was sent yet."""
        return None if self._sent else self.challenge

    @property
    def withholds(self) -> bool:
        """Whether a pass must not stand, or not yet."""
        return self.wanted and self.skip is not Skip.ALLOWED and self._answer is not Answer.CORRECT

    @property
    def hint(self) -> Reason | None:
        """What the person can change before the next round."""
        resting = self._runs and bool(self.rounds) and self.challenge is None
        return _REASONS[self.rounds[-1].answer, self.rounds[-1].why] if resting else None

    @property
    def refusal(self) -> Reason | None:
        """Why no pass will come any more; None while one may."""
        if self.wanted and self.skip is Skip.REFUSED:
            return Reason.FLASH_SKIPPED
        if not self.withholds or len(self.rounds) < ROUNDS:
            return None
        if any(evidence.answer is Answer.WRONG for evidence in self.rounds):
            return Reason.FLASH_WRONG
        return _REASONS[self.rounds[-1].answer, self.rounds[-1].why]

    @property
    def progress(self) -> float:
        """0–1 of the present round; 1 where none is needed."""
        if not self.withholds:
            return 1.0
        steps = len(self.challenge.colours) if self.challenge else hues.STEPS
        return min(1.0, len(self._sent) / (steps + 1))

    def record(self) -> dict[str, Any] | None:
        """What is stored with the attempt; None where no colours were wanted."""
        if not self.wanted:
            return None
        answer = self._answer if self.skip is Skip.NO else "skipped"
        return {"answer": answer, "rounds": [_rounded(evidence) for evidence in self.rounds]}

    @property
    def _runs(self) -> bool:
        return self.withholds and self.skip is Skip.NO and len(self.rounds) < ROUNDS

    @property
    def _answer(self) -> Answer | None:
        return self.rounds[-1].answer if self.rounds else None

    def _end_round(self, challenge: Challenge, at: float) -> None:
        if at <= self._sent[-1] + response.LIMITS.delay:
            return
        self.rounds.append(response.judge(self._samples, self._sent, challenge.colours))
        self.challenge, self._sent, self._samples = None, [], []
        self._rest = at + _PAUSE


_REASONS = {
    (Answer.WRONG, None): Reason.FLASH_WRONG,
    (Answer.ABSTAIN, Why.TOO_WEAK): Reason.FLASH_WEAK,
    (Answer.ABSTAIN, Why.TOO_FEW): Reason.TIMED_OUT,
}


def _rounded(evidence: Evidence) -> dict[str, Any]:
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(evidence).items()}
