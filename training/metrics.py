"""ISO/IEC 30107-3 figures. They live with the engine, so that the command line prints the same ones."""

from liveness.engine.metrics import (
    Proportion,
    apcer,
    auc,
    bpcer,
    bpcer_at_apcer,
    candidate_thresholds,
    clopper_pearson,
    eer,
    summary,
    worst_apcer,
)

__all__ = [
    "Proportion",
    "apcer",
    "auc",
    "bpcer",
    "bpcer_at_apcer",
    "candidate_thresholds",
    "clopper_pearson",
    "eer",
    "summary",
    "worst_apcer",
]
