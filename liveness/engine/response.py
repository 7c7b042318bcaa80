"""Does a face answer the colours of the screen? A regression of its chroma on what was sent, and when.

The camera's gain and white balance multiply face and background alike, so they go out of the difference of the
logarithms; what drifts slowly is projected out; the delay of screen, camera and network is unknown but bounded, and
searched. The same statistic for colours that were never sent says what chance gives with these very frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from liveness.engine import hues
from liveness.engine.chroma import Sample

Values = NDArray[np.float64]


class Answer(StrEnum):
    CORRECT = "correct"
    WRONG = "wrong"
    ABSTAIN = "abstain"


class Why(StrEnum):
    """Why there is no answer."""

    TOO_FEW = "too_few"
    TOO_WEAK = "too_weak"


@dataclass(frozen=True)
class Evidence:
    """What was seen of one challenge.

    score: share of the face's chroma that the sent colours explain, 0–1, at the best delay (seconds); chance: the share
    that one in a thousand of other sequences would reach with these frames; strength: standard deviation of
    the chroma's logarithm, drift removed; frames: how many could be measured.
    """

    answer: Answer
    why: Why | None = None
    score: float = 0.0
    chance: float = 1.0
    strength: float = 0.0
    delay: float = 0.0
    frames: int = 0


@dataclass(frozen=True)
class Limits:
    """Frames and share of the steps that must have been seen; scores; the least strength that is a wrong answer and not
    noise; and the longest delay, in seconds, of screen, camera and network together.
    """

    frames: int = 24
    steps: float = 0.75
    correct: float = 0.8
    wrong: float = 0.45
    strong: float = 0.03
    delay: float = 0.52


LIMITS = Limits()
_DECOYS = 1000
_CHANCE = 0.999
_DELAY_STEP = 0.04
_SLOW = 4


def judge(
    samples: Sequence[Sample],
    sent: Sequence[float],
    colours: Sequence[str],
    limits: Limits = LIMITS,
) -> Evidence:
    """Compare what the frames show with the colours (#rrggbb) and the seconds at which each was sent.

    sent has one entry more than colours: when the last one ended. Times are those of the samples' clock.
    """
    seen = _during(samples, sent, limits)
    if len(seen) < limits.frames or _steps_seen(seen, sent) < limits.steps:
        return Evidence(Answer.ABSTAIN, Why.TOO_FEW, frames=len(seen))
    rng = np.random.default_rng(len(seen))
    light = hues.light_of(colours)[None]
    sequences = np.concatenate([light, hues.decoys(_DECOYS, rng, len(colours))])
    shares, delay, strength = explained(seen, sent, sequences, limits)
    score, chance = float(shares[0]), float(np.quantile(shares[1:], _CHANCE))
    answer, why = _verdict(score, chance, strength, limits)
    return Evidence(answer, why, score, chance, strength, delay, len(seen))


def _verdict(
    score: float, chance: float, strength: float, limits: Limits
) -> tuple[Answer, Why | None]:
    if score >= limits.correct and score > chance:
        return Answer.CORRECT, None
    if strength >= limits.strong and score < limits.wrong:
        return Answer.WRONG, None
    return Answer.ABSTAIN, Why.TOO_WEAK


def _during(samples: Sequence[Sample], sent: Sequence[float], limits: Limits) -> list[Sample]:
    return [sample for sample in samples if sent[0] <= sample.at <= sent[-1] + limits.delay]


def _steps_seen(samples: Sequence[Sample], sent: Sequence[float]) -> float:
    """Share of the steps in which at least one frame came."""
    steps = np.searchsorted(np.array(sent), [sample.at for sample in samples], side="right")
    inside = {int(step) for step in steps if 0 < step < len(sent)}
    return len(inside) / (len(sent) - 1)


def explained(
    seen: Sequence[Sample], sent: Sequence[float], sequences: Values, limits: Limits = LIMITS
) -> tuple[Values, float, float]:
    """(K,) explained share, 0–1, of each of K sequences of linear light (K, steps, 3), had it been sent at those seconds;
    the delay of the first one, in seconds; and the strength of what is seen.

    The face against its background, or the face alone where the background is unquiet: whichever explains more.
    """
    at, starts = np.array([sample.at for sample in seen]), np.array(sent)
    rest = np.broadcast_to(hues.light_of([hues.NEUTRAL]), (len(sequences), 1, 3))
    lights = np.concatenate([rest, sequences, rest], axis=1)
    slow = _slow(at)
    best = np.zeros(len(lights))
    delay = strength = 0.0
    for chroma in _chromas(seen):
        quick = _clipped(chroma - slow @ (slow.T @ chroma))
        strength = max(strength, float(quick.std()))
        for lag in np.arange(0.0, limits.delay + 1e-9, _DELAY_STEP):
            shares = _shares(quick, slow, _blend(at, starts + lag), lights)
            delay = float(lag) if shares[0] > best[0] else delay
            best = np.maximum(best, shares)
    return best, delay, strength


def _chromas(seen: Sequence[Sample]) -> list[Values]:
    """(n, 2) logarithms of red and blue against green: of the face against the background, and of the face alone."""
    face = np.log(np.array([sample.face for sample in seen]) + 1e-4)
    ways = [_opponents(face)]
    behind = [sample.behind for sample in seen if sample.behind is not None]
    if len(behind) == len(seen):
        ways.insert(0, _opponents(face - np.log(np.array(behind) + 1e-4)))
    return ways


def _opponents(light: Values) -> Values:
    return np.stack([light[..., 0] - light[..., 1], light[..., 2] - light[..., 1]], axis=-1)


def _slow(at: Values) -> Values:
    """(n, _SLOW) orthonormal basis of what drifts: half waves over the whole time."""
    share = (at - at[0]) / max(at[-1] - at[0], 1e-9)
    waves = np.cos(np.pi * share[:, None] * np.arange(_SLOW))
    return np.asarray(np.linalg.qr(waves)[0])


def _clipped(values: Values) -> Values:
    """A frame that jumps out, as when the box slips, counts no more than three typical deviations."""
    spread = 3 * 1.4826 * np.median(np.abs(values), axis=0) + 1e-9
    return np.clip(values, -spread, spread)


def _blend(at: Values, starts: Values) -> Values:
    """(n, steps + 2) weights: which colour shines at each time; neutral before the first and after the last."""
    steps = np.searchsorted(starts, at, side="right")
    began = starts[np.maximum(steps - 1, 0)]
    faded = np.where(steps == 0, 1.0, np.clip((at - began) / hues.FADE, 0, 1))
    weights = np.zeros((len(at), len(starts) + 1))
    rows = np.arange(len(at))
    np.add.at(weights, (rows, steps), faded)
    np.add.at(weights, (rows, np.maximum(steps - 1, 0)), 1 - faded)
    return weights


def _shares(quick: Values, slow: Values, blend: Values, lights: Values) -> Values:
    """(K,) share of the two chroma signals that each light sequence explains, each with a gain of its own, not below 0."""
    quiet = blend - slow @ (slow.T @ blend)
    unexplained = np.ones(len(lights))
    for axis in (0, 1):
        expected = quiet @ _opponents(lights)[..., axis].T
        against = quick[:, axis] @ expected
        scale = np.linalg.norm(quick[:, axis]) * np.linalg.norm(expected, axis=0) + 1e-12
        unexplained *= 1 - np.maximum(against / scale, 0) ** 2
    return np.asarray(1 - np.sqrt(np.maximum(unexplained, 0)))
