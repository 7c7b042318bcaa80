"""Work that no visitor waits for."""

import logging

from celery import shared_task
from django.conf import settings
from django.core.cache import cache

from liveness import services

logger = logging.getLogger(__name__)

_HOUR = 3600


@shared_task
def purge_evidence() -> None:
    """Hold the retention promises; runs daily."""
    purged = services.purge()
    logger.info("purged: %s", purged)


def purge_if_due() -> None:
    """Without a scheduler, visitors' attempts drive the purge: at most once an hour."""
    if settings.CELERY_TASK_ALWAYS_EAGER and cache.add("liveness-purge", True, _HOUR):
        purge_evidence.delay()
