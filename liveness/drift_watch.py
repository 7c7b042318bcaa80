"""Every write about drift: the frozen reference, the daily report, and the alarm by mail."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.mail import send_mail
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from liveness import drift, drift_words
from liveness.drift import Level, Report
from liveness.models import DriftReference, DriftReport, ModelVersion
from liveness.words import inside

logger = logging.getLogger(__name__)

_KEPT = timedelta(days=365)


def watch(now: datetime | None = None) -> DriftReport | None:
    """Compare, keep today's report and the reference once it is complete, and raise the alarm for what newly drifted.

    A second run on the same day changes nothing, but sends an alarm that could not be sent before. None while no
    model serves.
    """
    now = now or timezone.now()
    DriftReport.objects.filter(created__lt=now - _KEPT).delete()
    found = drift.report(now=now)
    if found.model is None or found.reference is None:
        return None
    freeze(found)
    row = _keep(found, found.model, found.reference.since)
    _alarm(row, found)
    return row


def freeze(found: Report) -> bool:
    """Keep a complete reference as numbers, once; says whether this call did."""
    then = found.reference
    if found.model is None or then is None or not then.complete or (then.row and then.row.sample):
        return False
    row, __ = DriftReference.objects.get_or_create(model=found.model, since=then.since)
    changes = {"sample": then.sample.as_dict(), "frozen": found.created}
    return bool(DriftReference.objects.filter(pk=row.pk, frozen=None).update(**changes))


def begin_reference(*, by: AbstractBaseUser | None = None) -> DriftReference:
    """What comes from now on is the new normal: collect a new reference. Raises LookupError while no model serves."""
    model = ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE).first()
    if model is None:
        raise LookupError("No model serves, so there is nothing to compare.")
    row = DriftReference.objects.create(
        model=model, since=timezone.now(), started_by_id=by.pk if by else None
    )
    logger.info("drift: a new reference period of model %s begins", model.sha256[:8])
    return row


def _keep(found: Report, model: ModelVersion, since: datetime) -> DriftReport:
    """Today's row; what an alarm went out for stays told until the measure is steady again."""
    mine = DriftReport.objects.filter(model=model, created__gte=since)
    day = timezone.localdate(found.created)
    before = mine.filter(day__lt=day).first()
    still = (
        [name for name in before.told if found.level(name) is not Level.STEADY] if before else []
    )
    row, __ = DriftReport.objects.get_or_create(
        model=model,
        day=day,
        defaults={"created": found.created, "data": found.as_dict(), "told": still},
    )
    return row


def _alarm(row: DriftReport, found: Report) -> None:
    """Mail about measures that nobody was told of. Whoever sets ``alarmed`` first sends; a failure unsets it."""
    fresh = [name for name in found.drifted if name not in row.told]
    unsent = DriftReport.objects.filter(pk=row.pk, alarmed=None)
    if not fresh or not unsent.update(alarmed=found.created):
        return
    for name in fresh:
        logger.warning("drift: newly drifted: %s", inside(drift_words.NAMES[name]))
    if _send(fresh, found):
        DriftReport.objects.filter(pk=row.pk).update(told=[*row.told, *fresh])
    else:
        DriftReport.objects.filter(pk=row.pk).update(alarmed=None)
    row.refresh_from_db()


def _send(fresh: list[str], found: Report) -> bool:
    """Without anybody to tell, the log and the page have to do: that counts as told. Never raises."""
    to = settings.LIVEGATE_ALARM_EMAILS or [
        entry if isinstance(entry, str) else entry[1] for entry in settings.ADMINS
    ]
    if not to:
        logger.warning("drift: nobody to tell; set LIVEGATE_ALARM_EMAILS")
        return True
    names = ", ".join(inside(drift_words.NAMES[name]) for name in fresh)
    subject = gettext("Livegate: %(measures)s drifted") % {"measures": names}
    try:
        send_mail(subject, _mail(fresh, found), None, to)
    except Exception:
        logger.exception("drift: the alarm could not be mailed; the next run tries again")
        return False
    return True


def _mail(fresh: list[str], found: Report) -> str:
    findings = [item for item in found.findings if item.measure in fresh]
    parts = [
        f"{drift_words.NAMES[item.measure]}: {drift_words.sentence(item)}\n"
        f"{drift_words.advice(item.measure)}"
        for item in findings
    ]
    return gettext(
        "The attempts of the last %(days)s days differ from those of the reference period.\n\n"
        "%(findings)s\n\n"
        "Plots and numbers: %(page)s\n"
        "You will not be told again until these measures have been steady in between.\n"
    ) % {
        "days": found.days,
        "findings": "\n\n".join(parts),
        "page": settings.SITE_URL + reverse("liveness:drift"),
    }
