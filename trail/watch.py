"""Thresholds and policies are settings: when a server starts with others than the last time, the trail says so."""

import logging

from django.conf import settings
from django.db import DatabaseError

from trail import chain
from trail.models import AuditEntry

EVENT = "settings_in_force"
_log = logging.getLogger(__name__)


def note_settings() -> AuditEntry | None:
    """Append the settings that LIVEGATE_AUDITED_SETTINGS names, if one has changed; None if nothing has."""
    now = {name: str(getattr(settings, name, "")) for name in settings.LIVEGATE_AUDITED_SETTINGS}
    last = AuditEntry.objects.filter(event=EVENT).order_by("-number").first()
    before = {name: last.facts.get(name) for name in now} if last else {}
    if before == now:
        return None
    changed = [name for name in now if last and before[name] != now[name]]
    return chain.append(EVENT, changed=", ".join(changed) or "all, for the first time", **now)


def note_at_start() -> bool:
    """The same when a server starts; trouble is logged, not raised: passwords and faces are served all the same.

    False when it could not be noted: call it again.
    """
    try:
        note_settings()
    except DatabaseError as error:
        _log.error("the settings in force could not be noted in the audit trail: %s", error)
        return False
    return True
