"""The Celery application: in process without REDIS_URL, real workers with it."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from portal import request_ids  # noqa: F401  (ids go along with tasks)

app = Celery("livegate")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
