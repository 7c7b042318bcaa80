"""The Celery application: in process without REDIS_URL, real workers with it."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from portal import request_ids, tracing  # noqa: F401  (ids go along with tasks)

app = Celery("livegate")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def _begin(**kwargs: Any) -> None:
    tracing.start()


@worker_process_shutdown.connect
def _end(**kwargs: Any) -> None:
    tracing.stop()
