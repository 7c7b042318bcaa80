"""Work of this room that nobody waits for."""

import logging

from celery import shared_task
from django.conf import settings
from django.core.cache import cache

from accounts import notices, recovery, retention
from accounts.models import FailureNotice, User
from liveness.tasks import PATIENT

logger = logging.getLogger(__name__)

_DAY = 24 * 3600


@shared_task(**PATIENT)
def keep_promises() -> None:
    """Delete what has lasted long enough, and tell people before their face goes; runs daily."""
    logger.info("retention: %s", retention.sweep())


def keep_promises_if_due() -> None:
    """Without a scheduler, sign-ins drive it, at most once a day."""
    if settings.CELERY_TASK_ALWAYS_EAGER and cache.add("accounts-promises", True, _DAY):
        keep_promises.delay()


@shared_task
def send_notice(number: int) -> None:
    """Mail the owner of an account that attempts to get into it failed."""
    notices.send(FailureNotice.objects.select_related("user").get(pk=number))


@shared_task
def send_waiting_notices() -> None:
    """Mail what could not be mailed at once, because the queue or the mail server was away; runs every five minutes."""
    for notice in notices.waiting().select_related("user"):
        notices.send(notice)
        logger.warning("notice %s was mailed late", notice.pk)


@shared_task
def send_reset(number: int) -> None:
    """Tell the owner of an account, at every address it has, that an administrator reset the ways into it."""
    recovery.tell(User.objects.get(pk=number))
