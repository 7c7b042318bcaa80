"""The Django project: settings, addresses and entry points. Wiring only."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
