"""Work that no visitor waits for."""

import logging
from typing import Any

from celery import shared_task
from django.conf import settings
from django.core.cache import cache
from django.db import OperationalError

from liveness import drift_watch, services

logger = logging.getLogger(__name__)

_HOUR = 3600
_DAY = 24 * _HOUR


# A database that is away, for hours even, delays a worker's work and does not cancel it; no visitor waits for that.
_AGAIN = {"retry_backoff": 5, "retry_backoff_max": 600, "max_retries": 100}
PATIENT: dict[str, Any] = (
    {} if settings.CELERY_TASK_ALWAYS_EAGER else {"autoretry_for": (OperationalError,), **_AGAIN}
)


@shared_task(**PATIENT)
def purge_evidence() -> None:
    """Hold the retention promises; runs daily."""
    purged = services.purge()
    logger.info("purged: %s", purged)


@shared_task
def close_dead_attempts() -> None:
    """Attempts whose portal was killed end, and their charge is taken back; runs every minute."""
    if closed := services.close_dead():
        logger.warning("%s attempts had lost their portal or their page", closed)


@shared_task(**PATIENT)
def watch_drift() -> None:
    """Keep today's drift report and raise the alarm; runs daily."""
    row = drift_watch.watch()
    logger.info("drift: %s", row or "no model serves")


def purge_if_due() -> None:
    """Without a scheduler, visitors' attempts drive the purge, at most once an hour, and the drift report."""
    if settings.CELERY_TASK_ALWAYS_EAGER and cache.add("liveness-purge", True, _HOUR):
        purge_evidence.delay()
    if settings.CELERY_TASK_ALWAYS_EAGER and cache.add("liveness-drift", True, _DAY):
        watch_drift.delay()
