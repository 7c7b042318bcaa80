from celery import shared_task

from accounts import notices, renewal, services
from accounts.models import FailureNotice


@shared_task
def delete_unused_faces() -> int:
    """Delete the faces that nobody signed in with for three years; says how many."""
    renewal.forget_unconfirmed()
    return services.delete_unused_faces()


@shared_task
def send_notice(number: int) -> None:
    """Mail the owner of an account that attempts to get into it failed."""
    notices.send(FailureNotice.objects.select_related("user").get(pk=number))
