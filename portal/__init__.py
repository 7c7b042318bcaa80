"""The Django project: settings, addresses and entry points. Wiring only."""

import os

# Before NumPy is loaded: BLAS with threads of its own waits for them wherever other work goes on, and a match that
# takes milliseconds takes seconds.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from portal.celery import app as celery_app

__all__ = ["celery_app"]
