"""The gate on a worker of the queue "training"."""

import logging
from typing import Any

from celery import shared_task
from django.conf import settings
from django.contrib.auth import get_user_model
from kombu.exceptions import OperationalError

from liveness.models import ModelVersion
from training import proving

logger = logging.getLogger(__name__)


@shared_task
def judge_candidate(model_pk: int, by_pk: Any = None) -> None:
    """Compare a candidate with the champion. A model that is gone, or judges already, is left alone."""
    waiting = ModelVersion.objects.exclude(state=ModelVersion.State.ACTIVE)
    model = waiting.filter(pk=model_pk).first()
    if model is None:
        logger.warning("model %s is no candidate any more", model_pk)
        return
    report = proving.prove(model, by=get_user_model().objects.filter(pk=by_pk).first())
    logger.info(
        "gate: %s %s %s", model.name, "passed" if report.passed else "failed", report.reasons
    )


def enqueue(model_pk: int, by_pk: Any = None) -> bool:
    """Hand a candidate to a training worker, after the commit; False where there is none to be had."""
    if settings.CELERY_TASK_ALWAYS_EAGER:
        return False
    try:
        judge_candidate.delay(model_pk, by_pk)
    except OperationalError as error:
        logger.warning("the gate could not be reached: %s", error)
        return False
    return True
