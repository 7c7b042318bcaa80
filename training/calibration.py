"""The manifest's ``threshold`` object: from calibration cameras, from cameras that folds left out, or from nothing."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liveness.engine import metrics
from liveness.engine.manifests import ManifestError
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


def uncalibrated() -> dict[str, Any]:
    """The threshold of a network that no camera was set aside for."""
    return {"value": 0.5, "target": "not calibrated", "bona_fide": 0, "attacks": 0}
