from celery import shared_task
from django.conf import settings

from api import delivering, idempotency, webhooks
from api.sender import sender


@shared_task
def forget_answers() -> int:
    """Delete what repeated requests no longer need, and old webhook events; says how many; runs daily."""
    return idempotency.forget_old() + webhooks.forget_old()


@shared_task
def send_webhook(number: int) -> None:
    """Try one delivery now."""
    delivering.deliver(number)


@shared_task
def send_due_webhooks() -> int:
    """Hand out what is due, new or again: nothing is lost while no worker runs; says how much; runs twice a minute."""
    waiting = delivering.due()
    for delivery in waiting:
        send_webhook.delay(delivery.pk)
    return len(waiting)


def send_soon(numbers: list[int]) -> None:
    """After the commit: workers take them, or the portal's own thread."""
    if settings.CELERY_TASK_ALWAYS_EAGER:
        sender.wake()
        return
    for number in numbers:
        send_webhook.delay(number)
