from celery import shared_task

from api import idempotency


@shared_task
def forget_answers() -> int:
    """Delete what repeated requests no longer need; says how many; runs daily."""
    return idempotency.forget_old()
