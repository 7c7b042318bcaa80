"""The manifest's ``threshold`` object: from calibration cameras, from cameras that folds left out, from the model before,
or from nothing.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liveness.engine import metrics
from liveness.engine.bundle import Bundle
from liveness.engine.manifests import ManifestError
from liveness.engine.session import log_odds
from training import evaluation
from training import threshold as thresholds
from training.fas import data
from training.fas.store import Faces

Scores = NDArray[np.float64]


def calibrated(frames: Faces, scores: Scores) -> dict[str, Any]:
    """Where APCER and BPCER meet on the whole frames of the calibration cameras.

    Raises DataError when one class has no whole frame.
    """
    value = metrics.eer(*data.balanced(frames.samples, scores))[1]
    whole = [sample for sample in frames.samples if sample.frame == "full"]
    cameras = ", ".join(sorted({sample.domain for sample in whole}))
    return {
        "value": float(np.clip(value, 1e-4, 1 - 1e-4)),
        "target": f"APCER = BPCER per frame on the calibration cameras ({cameras}), "
        "each weighing the same",
        "bona_fide": sum(sample.live for sample in whole),
        "attacks": sum(not sample.live for sample in whole),
    }


def promised(scores: Path, bpcer: float) -> dict[str, Any]:
    """For a stated BPCER, from frames of cameras that other networks of the same recipe had never seen.

    Each camera weighs the same. Raises DataError when the scores cannot be read or are too few.
    """
    groups: dict[bool, dict[str, list[float]]] = {True: {}, False: {}}
    try:
        for frame in evaluation.read_scores([scores]):
            if frame.score is not None:
                groups[frame.live].setdefault(frame.domain, []).append(frame.score)
        found = thresholds.calibrate(
            groups[True], groups[False], bpcer, bpcer, thresholds.Guarantee.CAMERAS
        )
    except (ManifestError, thresholds.ThresholdError, OSError) as error:
        raise data.DataError(f"{scores}: {error}") from error
    return found.as_dict()


def matched(frames: Faces, scores: Scores, before: Bundle, its_scores: Scores) -> dict[str, Any]:
    """The threshold of the model ``before``, carried over to one that went on from its weights.

    On the same whole frames, the new threshold refuses as large a share of bona fide frames, and accepts as large a
    share of attacks, as the old one did; where the two disagree, the mean of their log-odds. Each edge of a band is
    carried over in the same way. Raises DataError when one class has no whole frame.
    """
    live, attacks = data.balanced(frames.samples, scores)
    its_live, its_attacks = data.balanced(frames.samples, its_scores)

    def carried(edge: float) -> float:
        refused, accepted = np.mean(its_live < edge), np.mean(its_attacks >= edge)
        both = np.quantile(live, refused), np.quantile(attacks, 1 - accepted)
        return float(np.clip(1 / (1 + np.exp(-log_odds(both).mean())), 1e-4, 1 - 1e-4))

    value = carried(before.threshold.value)
    edges = sorted(carried(edge) for edge in before.threshold.band or ())
    whole = [sample.live for sample in frames.samples if sample.frame == "full"]
    return {
        "value": value,
        **({"band": [min(edges[0], value), max(edges[1], value)]} if edges else {}),
        "target": f"the errors of {before.name} at its own threshold, on the same frames "
        f"({before.threshold.target})",
        "bona_fide": sum(whole),
        "attacks": len(whole) - sum(whole),
    }


def uncalibrated() -> dict[str, Any]:
    """The threshold of a network that no camera was set aside for."""
    return {"value": 0.5, "target": "not calibrated", "bona_fide": 0, "attacks": 0}
