"""What this site asks of the colours of the screen, for pages and for whoever claims an attempt."""

from django.conf import settings

from liveness.engine.flash import Ask
from liveness.models import Attempt


def asked() -> str:
    """ "stepup" or "always" for a page that has to offer a way around them; empty where they are off."""
    return "" if settings.LIVENESS_FLASH == Ask.OFF else str(settings.LIVENESS_FLASH)


def was_skipped(attempt: Attempt) -> bool:
    """Whether something else has to be asked for, because the person skipped the colours that were wanted."""
    return bool(attempt.flash and attempt.flash.get("answer") == "skipped")
