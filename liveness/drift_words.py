"""What a measure's shift means and what to do about it, for administrators, on the page and in the mail."""

from datetime import timedelta
from typing import Any

from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from liveness import drift
from liveness.drift import Finding, Level, Report

Queues = dict[Any, dict[str, str]]
"""Words, translated when they are read, to the query of the review queue."""

NAMES = {
    "score": _("Scores"),
    "light": _("Light on the face"),
    "face": _("Face size"),
    "unjudged": _("Unjudged frames"),
    "camera": _("Cameras"),
    "outcome": _("Outcomes"),
    "abstention": _("Unjudged attempts"),
}
MEANINGS = {
    "score": _(
        "The pooled probability of a living face, over bona fide presentations and attacks together."
    ),
    "light": _("Mean brightness of the face, from 0 (black) to 255 (white)."),
    "face": _("Longer side of the face box as a share of the picture's height."),
    "unjudged": _(
        "Share of an attempt's frames that were too dark, blurred, far away or otherwise not fit to judge."
    ),
    "camera": _("Which cameras people use, as their browsers name them."),
    "outcome": _("How attempts end. A living face that was somebody else's counts as passed here."),
    "abstention": _(
        "Share of attempts that ended without a verdict, of all that were judged or could not be."
    ),
}
LEVELS = {
    Level.TOO_FEW: _("Too few attempts to say"),
    Level.STEADY: _("Steady"),
    Level.WATCH: _("Worth watching"),
    Level.DRIFTED: _("Drifted"),
}
OUTCOMES = {
    "passed": _("Passed"),
    "refused": _("Refused"),
    "abstained": _("Could not be judged"),
    "abandoned": _("Given up"),
    "error": _("Error"),
}
_ADVICE = {
    "score": _(
        "Either other attacks come in, or the network sees what it has not learnt. "
        "Review the attempts nearest the threshold; if people are refused, retrain with what you labelled."
    ),
    "light": _(
        "Look at the pictures of the last days: has a lamp failed, a window or a camera been moved? "
        "If the new light stays, review attempts from it and retrain."
    ),
    "face": _(
        "People sit nearer or farther than before. Look where the camera stands; if it stays there, "
        "review attempts and retrain."
    ),
    "unjudged": _(
        "People need longer than before to be seen well. Read which hints they get, and see to light and place."
    ),
    "camera": _(
        "Your cameras changed: review attempts from those that became more common, then retrain."
    ),
    "outcome": _(
        "Attempts end differently than before. Review those whose share grew before you trust either side."
    ),
    "abstention": _(
        "More or fewer people are turned away without a verdict. Look at the reasons in the queue: "
        "light and distance can be mended in the room."
    ),
}
_UNJUDGED: Queues = {_("Attempts that could not be judged"): {"state": "abstained"}}
_QUEUES: dict[str, Queues] = {
    "score": {_("Refused attempts, nearest the threshold first"): {}},
    "light": {
        _("Attempts that were too dark"): {"state": "any", "reason": "too_dark"},
        _("Attempts that were too bright"): {"state": "any", "reason": "too_bright"},
    },
    "face": {
        _("Attempts from too far away"): {"state": "any", "reason": "too_far"},
        _("Attempts from too near"): {"state": "any", "reason": "too_close"},
    },
    "unjudged": _UNJUDGED,
    "outcome": {_("Refused attempts"): {}} | _UNJUDGED,
    "abstention": _UNJUDGED,
}
_MOST_CAMERAS = 3


def advice(measure: str) -> str:
    """What to do when this measure has shifted."""
    return str(_ADVICE[measure])


def queues(measure: str, report: Report) -> list[tuple[str, str]]:
    """Where to look among the days that were compared: (words, query string of the review queue)."""
    begin = timezone.localdate(report.created - timedelta(days=report.days)).isoformat()
    if measure == "camera":
        names = grown_cameras(report)
        return [
            (gettext("Attempts from %(name)s") % {"name": name}, camera_query(name, since=begin))
            for name in names
        ]
    return [
        (str(words), _query(query | {"since": begin})) for words, query in _QUEUES[measure].items()
    ]


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
    parts = [str(text) for name, text in _PARTS if name in known]
    return ", ".join(part.format(**known) for part in parts).replace("%", " %") + "."


_PARTS = (
    ("median_current", _("median {median_reference:g} → {median_current:g}")),
    ("rate_current", "{rate_reference:.1%} → {rate_current:.1%}"),
    ("low", _("difference {difference:+.1%} (95%: {low:+.1%} to {high:+.1%})")),
    ("psi", "PSI {psi:.2f}"),
    ("total_variation", _("{total_variation:.0%} of the attempts moved")),
    ("ks", _("KS distance {ks:.2f} (p {ks_p})")),
    ("chance", _("probability of such a PSI by chance {chance}")),
)


def _chance(p: float) -> str:
    return f"= {p:.2g}" if p >= 1e-4 else "< 0.0001"


def too_few(report: Report) -> str:
    """Why nothing can be said yet; empty when something can."""
    reference = report.reference
    if reference is None:
        return gettext("No model serves yet, so there is nothing to compare.")
    if not reference.complete:
        return gettext(
            "The reference period is still being collected: %(n)s of %(wanted)s attempts since the present "
            "model was promoted or the period was begun anew."
        ) % {"n": reference.sample.n, "wanted": reference.wanted}
    if report.current.n < drift.FEWEST:
        return gettext(
            "%(n)s attempts came in after the reference period in the last %(days)s days; %(fewest)s are "
            "needed to compare."
        ) % {"n": report.current.n, "days": report.days, "fewest": drift.FEWEST}
    return ""


def _query(query: dict[str, str]) -> str:
    made = QueryDict(mutable=True)
    made.update(query)
    return f"?{made.urlencode()}" if query else ""
