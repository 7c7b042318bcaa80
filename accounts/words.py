"""How things are said to people."""

from django.utils.translation import ngettext


def duration(seconds: int) -> str:
    """A wait, rounded up: 30 seconds, 2 minutes, 1 hour."""
    if seconds >= 3600:
        hours = -(-seconds // 3600)
        return ngettext("%(n)s hour", "%(n)s hours", hours) % {"n": hours}
    if seconds > 60:
        minutes = -(-seconds // 60)
        return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}
    return ngettext("%(n)s second", "%(n)s seconds", seconds) % {"n": seconds}
