"""What a measure's shift means and what to do about it, for administrators, on the page and in the mail."""

from datetime import timedelta
from typing import Any

from django.http import QueryDict
from django.utils import timezone

from liveness import drift
from liveness.drift import Finding, Level, Report

NAMES = {
    "score": "Scores",
    "light": "Light on the face",
    "face": "Face size",
    "unjudged": "Unjudged frames",
    "camera": "Cameras",
    "outcome": "Outcomes",
    "abstention": "Unjudged attempts",
}
MEANINGS = {
    "score": "The pooled probability of a living face, over bona fide presentations and attacks together.",
    "light": "Mean brightness of the face, from 0 (black) to 255 (white).",
    "face": "Longer side of the face box as a share of the picture's height.",
    "unjudged": "Share of an attempt's frames that were too dark, blurred, far away or otherwise not fit to judge.",
    "camera": "Which cameras people use, as their browsers name them.",
    "outcome": "How attempts end. A living face that was somebody else's counts as passed here.",
    "abstention": "Share of attempts that ended without a verdict, of all that were judged or could not be.",
}
LEVELS = {
    Level.TOO_FEW: "Too few attempts to say",
    Level.STEADY: "Steady",
    Level.WATCH: "Worth watching",
    Level.DRIFTED: "Drifted",
}
OUTCOMES = {
    "passed": "Passed",
    "refused": "Refused",
    "abstained": "Could not be judged",
    "abandoned": "Given up",
    "error": "Error",
}
_ADVICE = {
    "score": "Either other attacks come in, or the network sees what it has not learnt. "
    "Review the attempts nearest the threshold; if people are refused, retrain with what you labelled.",
    "light": "Look at the pictures of the last days: has a lamp failed, a window or a camera been moved? "
    "If the new light stays, review attempts from it and retrain.",
    "face": "People sit nearer or farther than before. Look where the camera stands; if it stays there, "
    "review attempts and retrain.",
    "unjudged": "People need longer than before to be seen well. Read which hints they get, and see to light and place.",
    "camera": "Your cameras changed: review attempts from those that became more common, then retrain.",
    "outcome": "Attempts end differently than before. Review those whose share grew before you trust either side.",
    "abstention": "More or fewer people are turned away without a verdict. Look at the reasons in the queue: "
    "light and distance can be mended in the room.",
}
_UNJUDGED = {"Attempts that could not be judged": {"state": "abstained"}}
_QUEUES: dict[str, dict[str, dict[str, str]]] = {
    "score": {"Refused attempts, nearest the threshold first": {}},
    "light": {
        "Attempts that were too dark": {"state": "any", "reason": "too_dark"},
        "Attempts that were too bright": {"state": "any", "reason": "too_bright"},
    },
    "face": {
        "Attempts from too far away": {"state": "any", "reason": "too_far"},
        "Attempts from too near": {"state": "any", "reason": "too_close"},
    },
    "unjudged": _UNJUDGED,
    "outcome": {"Refused attempts": {}} | _UNJUDGED,
    "abstention": _UNJUDGED,
}
_MOST_CAMERAS = 3


def advice(measure: str) -> str:
    """What to do when this measure has shifted."""
    return _ADVICE[measure]


def queues(measure: str, report: Report) -> list[tuple[str, str]]:
    """Where to look among the days that were compared: (words, query string of the review queue)."""
    begin = timezone.localdate(report.created - timedelta(days=report.days)).isoformat()
    if measure == "camera":
        names = grown_cameras(report)
        return [(f"Attempts from {name}", camera_query(name, since=begin)) for name in names]
    return [(words, _query(query | {"since": begin})) for words, query in _QUEUES[measure].items()]


def grown_cameras(report: Report) -> list[str]:
    """The named cameras whose share grew most, at most three."""
    if report.reference is None:
        return []
    before, now = report.reference.sample.mix("camera"), report.current.mix("camera")
    total_before, total_now = sum(before.values()) or 1, sum(now.values()) or 1
    gains = {name: n / total_now - before.get(name, 0) / total_before for name, n in now.items()}
    grown = [name for name, gain in gains.items() if gain > 0 and name != drift.OTHER_CAMERAS]
    return sorted(grown, key=lambda name: -gains[name])[:_MOST_CAMERAS]


def camera_query(name: str, **more: str) -> str:
    """All attempts of one camera, labelled or not."""
    return _query({"camera": name, "state": "any", "label": "any", **more})


def sentence(finding: Finding) -> str:
    """The numbers of a finding in one line; empty while there are too few."""
    if not finding.figures:
        return ""
    known: dict[str, Any] = {k: value for k, value in finding.figures.items() if value is not None}
    known |= {name: _chance(known[name]) for name in ("ks_p", "chance") if name in known}
    parts = [text for name, text in _PARTS if name in known]
    return ", ".join(part.format(**known) for part in parts).replace("%", " %") + "."


_PARTS = (
    ("median_current", "median {median_reference:g} → {median_current:g}"),
    ("rate_current", "{rate_reference:.1%} → {rate_current:.1%}"),
    ("low", "difference {difference:+.1%} (95%: {low:+.1%} to {high:+.1%})"),
    ("psi", "PSI {psi:.2f}"),
    ("total_variation", "{total_variation:.0%} of the attempts moved"),
    ("ks", "KS distance {ks:.2f} (p {ks_p})"),
    ("chance", "probability of such a PSI by chance {chance}"),
)


def _chance(p: float) -> str:
    return f"= {p:.2g}" if p >= 1e-4 else "< 0.0001"


def too_few(report: Report) -> str:
    """Why nothing can be said yet; empty when something can."""
    reference = report.reference
    if reference is None:
        return "No model serves yet, so there is nothing to compare."
    if not reference.complete:
        return (
            f"The reference period is still being collected: {reference.sample.n} of {reference.wanted} "
            "attempts since the present model was promoted or the period was begun anew."
        )
    if report.current.n < drift.FEWEST:
        return (
            f"{report.current.n} attempts came in after the reference period in the last {report.days} days; "
            f"{drift.FEWEST} are needed to compare."
        )
    return ""


def _query(query: dict[str, str]) -> str:
    made = QueryDict(mutable=True)
    made.update(query)
    return f"?{made.urlencode()}" if query else ""
