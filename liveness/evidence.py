"""What is kept of an attempt: numbers of every frame, and for reviewers, sealed: two frames, and small ones to play."""

from typing import Any

from liveness import crypto
from liveness.engine import exhibits, measures
from liveness.engine.capture import Capture, Shot
from liveness.engine.crops import Box
from liveness.engine.session import log_odds
from liveness.keyring import Sealed
from liveness.models import Attempt, Evidence, FrameRecord, ModelVersion

PLAYED = 8
_LONGEST = 320


def sealed_frames(attempt: Attempt, capture: Capture) -> list[Evidence]:
    """Unsaved rows, stripped of metadata: the worst and the best frame (one row if they are the same), and up to
    eight small ones evenly over the time.
    """
    worst, best = capture.worst(), capture.best()
    rows = [_row(attempt, Evidence.Kind.WORST, worst)] if worst else []
    if best and best is not worst:
        rows.append(_row(attempt, Evidence.Kind.BEST, best))
    played = {round(shot.at, 3): shot for shot in capture.reel.pick(PLAYED)}
    return rows + [_small_row(attempt, shot) for shot in played.values()]


def open_frame(evidence: Evidence) -> bytes:
    """The JPEG of a kept frame. Raises SealError when it was altered or its key is gone."""
    return crypto.unseal(evidence.jpeg, _context(evidence.attempt_id, evidence.kind, evidence.at))


def frame_records(capture: Capture) -> list[FrameRecord]:
    """What every frame showed, as it is stored with the attempt: numbers and codes, no pictures."""
    return [
        FrameRecord(
            at=round(at, 3),
            p=None if look.p_live is None else round(look.p_live, 4),
            reasons=[str(reason) for reason in look.reasons],
            box=_rounded(look.face.box) if look.face else None,
        )
        for at, look in capture.looks
    ]


def attempt_record(capture: Capture) -> dict[str, Any]:
    """The fields of an Attempt that say what its frames showed and which model judged them."""
    bundle = capture.engine.model.bundle
    threshold, pooled = capture.engine.threshold, capture.session.pooled
    return {
        "frames": frame_records(capture),
        "measures": measures.of_capture(capture),
        "risks": sorted(capture.risks),
        "flash": capture.flash.record(),
        "pooled": pooled,
        "margin": None if pooled is None else float(abs(log_odds(pooled) - log_odds(threshold))),
        "model": ModelVersion.objects.filter(sha256=bundle.sha256).first(),
        "model_name": bundle.name[:100],
        "model_sha256": bundle.sha256,
        "threshold": threshold,
    }


def _row(attempt: Attempt, kind: Evidence.Kind, shot: Shot) -> Evidence:
    return _sealed(attempt, kind, shot, exhibits.clean_jpeg(shot.jpeg))


def _small_row(attempt: Attempt, shot: Shot) -> Evidence:
    jpeg, scale = exhibits.small_jpeg(shot.jpeg, _LONGEST)
    return _sealed(attempt, Evidence.Kind.SEQUENCE, shot, jpeg, scale)


def _sealed(
    attempt: Attempt, kind: Evidence.Kind, shot: Shot, jpeg: bytes, scale: float = 1.0
) -> Evidence:
    at = round(shot.at, 3)
    return Evidence(
        attempt=attempt,
        kind=kind,
        jpeg=crypto.seal(jpeg, _context(attempt.pk, kind, at)),
        at=at,
        p_live=shot.look.p_live,
        box=_rounded(shot.look.face.box, scale) if shot.look.face else None,
    )


def _context(attempt_id: object, kind: str, at: float) -> str:
    """There is one best and one worst frame of an attempt, but many of its sequence: these name their time too."""
    name = f"evidence:{attempt_id}:{kind}"
    return f"{name}:{at:.3f}" if kind == Evidence.Kind.SEQUENCE else name


def _rounded(box: Box, scale: float = 1.0) -> list[float]:
    return [round(value * scale, 1) for value in (box.x, box.y, box.w, box.h)]


SEALED = (Sealed(Evidence, "jpeg", lambda row: _context(row.attempt_id, row.kind, row.at)),)
"""What a rotation of keys seals anew. The embedding of a passed attempt is gone within a minute."""
