"""The figures of ISO/IEC 30107-3 of a scored data set, as plain JSON values: of single frames and of whole attempts.

What ``report`` gives and ``report.json`` holds (P is a proportion: ``rate``, ``interval95``, ``errors``, ``n``; rate is
None when n is 0; a figure that needs both classes is None where one is missing; lists are worst first):

    schema        1
    created       ISO 8601, UTC
    about         whatever the caller says of the model and the data
    threshold     every threshold that was used, ascending
    headline      species, apcer P, bpcer P of frames; session_apcer P, session_bpcer P; eer_mean, eer_worst
    frames        a level, see below
    sessions      a level; rules (judged, live), left_over: frames in no attempt
    no_decision   [reason, bona_fide, attacks]: how many frames each reason left without a decision; "undecided": p_live
                  lies inside the model's band
    calibration   error, bins [low, high, mean, bona_fide P]: of p_live per frame
    robustness    see training.robustness.figures, or None

    level         pooled: a group; species [name, apcer P, apnrr P]; cameras [name + a group]; eer_by_camera
    group         bona_fide, attacks, worst_species, apcer P (of that species), apnrr P (all attacks), bpcer P, bpnrr P,
                  acer_not_normative, auc, eer, tpr_at_fpr [fpr, needed, tpr P or None: not supported by n],
                  confusion [name, accepted, refused, no_decision]: bona fide, then each species
    eer_by_camera mean, interval95 (bootstrap over cameras), worst, each [name, eer, interval95, bona_fide, attacks],
                  without: cameras that have scores of one class only

APCER and BPCER count the presentations that got a decision; those that did not are APNRR and BPNRR. An attempt's score
is its pooled p_live, so AUC and EER of attempts leave the rule of single live frames aside.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liveness.engine import metrics
from liveness.engine.metrics import Proportion
from liveness.engine.session import Reason, SessionRules
from training.evaluation import ScoredFrame, Trial, frame_trials, session_trials, threshold_of

FPRS = (1e-2, 1e-3, 1e-4, 1e-5)
BONA_FIDE = "bona fide"

Scores = NDArray[np.float64]


def report(
    scored: Sequence[ScoredFrame],
    threshold: float | None = None,
    rules: SessionRules | None = None,
    robustness: Mapping[str, Any] | None = None,
    about: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Every figure of scored frames, at ``threshold`` or else at each frame's own. Raises ManifestError without one."""
    rules = rules or SessionRules()
    trials = frame_trials(scored, threshold)
    attempts, left = session_trials(scored, threshold, rules)
    of_frames, of_sessions = level(trials), level(attempts)
    return {
        "schema": 1,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "about": dict(about or {}),
        "threshold": sorted({threshold_of(frame, threshold) for frame in scored}),
        "headline": _headline(of_frames, of_sessions),
        "frames": of_frames,
        "sessions": {
            "rules": {"judged": rules.judged, "live": rules.live, "patience": rules.patience},
            "left_over": left,
            **of_sessions,
        },
        "no_decision": _no_decision(scored, trials),
        "calibration": _calibration(trials),
        "robustness": None if robustness is None else dict(robustness),
    }


def level(trials: Sequence[Trial]) -> dict[str, Any]:
    """Pooled figures, those of each PAI species and of each camera, worst first."""
    cameras = [{"name": name, **group(own)} for name, own in _by_camera(trials).items()]
    species = [
        {"name": name, "apcer": _apcer(own).as_dict(), "apnrr": _no_response(own).as_dict()}
        for name, own in _by_species(trials).items()
    ]
    return {
        "pooled": group(trials),
        "species": sorted(species, key=lambda row: badness(row["apcer"]), reverse=True),
        "cameras": sorted(cameras, key=_camera_badness, reverse=True),
        "eer_by_camera": eer_by_camera(trials),
    }


def group(trials: Sequence[Trial]) -> dict[str, Any]:
    """Figures of any set of presentations taken together."""
    live, attacks = _split(trials)
    refused = Proportion(sum(t.accepted is False for t in live), _decided(live))
    name, worst = _worst(trials)
    both = not math.isnan(worst.rate) and not math.isnan(refused.rate)
    return {
        "bona_fide": len(live),
        "attacks": len(attacks),
        "worst_species": name,
        "apcer": worst.as_dict(),
        "apnrr": _no_response(attacks).as_dict(),
        "bpcer": refused.as_dict(),
        "bpnrr": _no_response(live).as_dict(),
        "acer_not_normative": round(metrics.acer(worst, refused), 5) if both else None,
        **_separation(scores_of(live), scores_of(attacks)),
        "confusion": _confusion(trials),
    }


def eer_by_camera(trials: Sequence[Trial]) -> dict[str, Any]:
    """Each camera's own EER, worst first, their mean, and its interval over cameras drawn anew.

    Every camera has its own threshold here: this is what per-camera calibration could reach at best.
    """
    each, without = [], []
    for name, own in _by_camera(trials).items():
        live, attacks = (scores_of(part) for part in _split(own))
        if len(live) and len(attacks):
            each.append(_camera_eer(name, live, attacks))
        else:
            without.append(name)
    rates = [row["eer"] for row in each]
    low, high = metrics.bootstrap_mean(rates)
    return {
        "mean": round(float(np.mean(rates)), 5) if rates else None,
        "interval95": [round(low, 5), round(high, 5)] if rates else None,
        "worst": max(rates, default=None),
        "each": sorted(each, key=lambda row: (row["eer"], row["interval95"][1]), reverse=True),
        "without": sorted(without),
    }


def scores_of(trials: Iterable[Trial]) -> Scores:
    """p_live (N,) of the presentations that were judged."""
    return np.array([t.score for t in trials if t.score is not None], dtype=np.float64)


def badness(proportion: Mapping[str, Any]) -> tuple[float, float]:
    """For sorting worst first: the rate, then how high it might be; unknown rates last."""
    rate = proportion["rate"]
    return (-1.0 if rate is None else rate), proportion["interval95"][1]


def _headline(frames: Mapping[str, Any], sessions: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "species": frames["pooled"]["worst_species"],
        "apcer": frames["pooled"]["apcer"],
        "bpcer": frames["pooled"]["bpcer"],
        "session_apcer": sessions["pooled"]["apcer"],
        "session_bpcer": sessions["pooled"]["bpcer"],
        "eer_mean": frames["eer_by_camera"]["mean"],
        "eer_worst": frames["eer_by_camera"]["worst"],
    }


def _separation(live: Scores, attacks: Scores) -> dict[str, Any]:
    """What scores alone tell, whatever the threshold; None where a class is missing."""
    if not len(live) or not len(attacks):
        return {"auc": None, "eer": None, "tpr_at_fpr": []}
    rows = []
    for fpr in FPRS:
        found = metrics.tpr_at_fpr(live, attacks, fpr)
        tpr = found.as_dict() if found else None
        rows.append({"fpr": fpr, "needed": metrics.trials_needed(fpr), "tpr": tpr})
    return {
        "auc": round(metrics.auc(live, attacks), 5),
        "eer": round(metrics.eer(live, attacks)[0], 5),
        "tpr_at_fpr": rows,
    }


def _camera_eer(name: str, live: Scores, attacks: Scores) -> dict[str, Any]:
    rate, _ = metrics.eer(live, attacks)
    bounds = metrics.eer_interval(rate, len(live), len(attacks))
    return {
        "name": name,
        "eer": round(rate, 5),
        "interval95": [round(bound, 5) for bound in bounds],
        "bona_fide": len(live),
        "attacks": len(attacks),
    }


def _worst(trials: Sequence[Trial]) -> tuple[str | None, Proportion]:
    """The species with the highest APCER; of equal ones, the one that fewer trials speak for."""
    rates = {name: _apcer(own) for name, own in _by_species(trials).items()}
    known = {name: found for name, found in rates.items() if found.n}
    if not known:
        return None, Proportion(0, 0)
    return max(known.items(), key=lambda item: badness(item[1].as_dict()))


def _confusion(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    live, _ = _split(trials)
    rows = ({BONA_FIDE: live} if live else {}) | _by_species(trials)
    return [
        {
            "name": name,
            "accepted": sum(t.accepted is True for t in own),
            "refused": sum(t.accepted is False for t in own),
            "no_decision": sum(t.accepted is None for t in own),
        }
        for name, own in rows.items()
    ]


def _no_decision(scored: Iterable[ScoredFrame], trials: Iterable[Trial]) -> list[dict[str, Any]]:
    counts = Counter(
        (frame.reason or str(Reason.UNDECIDED), frame.live)
        for frame, trial in zip(scored, trials, strict=True)
        if trial.accepted is None
    )
    reasons = {reason for reason, _ in counts}
    rows = [
        {"reason": reason, "bona_fide": counts[reason, True], "attacks": counts[reason, False]}
        for reason in sorted(reasons)
    ]
    return sorted(rows, key=lambda row: row["bona_fide"] + row["attacks"], reverse=True)


def _calibration(trials: Sequence[Trial]) -> dict[str, Any]:
    live, attacks = _split(trials)
    bins = metrics.reliability(scores_of(live), scores_of(attacks))
    error = metrics.calibration_error(bins)
    return {
        "error": None if math.isnan(error) else round(error, 5),
        "bins": [
            {
                "low": item.low,
                "high": item.high,
                "mean": round(item.mean, 5),
                "bona_fide": item.bona_fide.as_dict(),
            }
            for item in bins
        ],
    }


def _split(trials: Iterable[Trial]) -> tuple[list[Trial], list[Trial]]:
    parts: dict[bool, list[Trial]] = {True: [], False: []}
    for trial in trials:
        parts[trial.live].append(trial)
    return parts[True], parts[False]


def _by_species(trials: Iterable[Trial]) -> dict[str, list[Trial]]:
    parts: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        if not trial.live:
            parts[trial.species].append(trial)
    return dict(sorted(parts.items()))


def _by_camera(trials: Iterable[Trial]) -> dict[str, list[Trial]]:
    parts: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        parts[trial.domain].append(trial)
    return dict(sorted(parts.items()))


def _apcer(attacks: Sequence[Trial]) -> Proportion:
    return Proportion(sum(t.accepted is True for t in attacks), _decided(attacks))


def _no_response(trials: Sequence[Trial]) -> Proportion:
    return Proportion(sum(t.accepted is None for t in trials), len(trials))


def _decided(trials: Iterable[Trial]) -> int:
    return sum(t.accepted is not None for t in trials)


def _camera_badness(row: Mapping[str, Any]) -> tuple[float, float]:
    """By EER; cameras of one class after the others, by the errors that they can show."""
    errors = max(badness(row["apcer"])[0], badness(row["bpcer"])[0])
    return (-1.0 if row["eer"] is None else row["eer"]), errors
