"""Work that no visitor waits for."""

import logging

from celery import shared_task
from django.conf import settings
from django.core.cache import cache

from liveness import drift_watch, services

logger = logging.getLogger(__name__)

_HOUR = 3600
_DAY = 24 * _HOUR


@shared_task
def purge_evidence() -> None:
    """Hold the retention promises; runs daily."""
    purged = services.purge()
    logger.info("purged: %s", purged)


@shared_task
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
