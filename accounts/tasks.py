from celery import shared_task

from accounts import services


@shared_task
def delete_unused_faces() -> int:
    """Delete the faces that nobody signed in with for three years; says how many."""
    return services.delete_unused_faces()
