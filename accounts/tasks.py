"""Work of this room that nobody waits for."""

import logging

from celery import shared_task

from accounts import notices, renewal, services
from accounts.models import FailureNotice
from liveness.tasks import PATIENT

logger = logging.getLogger(__name__)


@shared_task(**PATIENT)
def delete_unused_faces() -> int:
    """Delete the faces that nobody signed in with for three years; says how many."""
    renewal.forget_unconfirmed()
    return services.delete_unused_faces()


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
