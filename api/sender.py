"""Without a broker the portal sends its events itself, in one thread of its own; no visitor waits for a receiver."""

import logging
import threading
import time

from django.conf import settings
from django.db import close_old_connections

from api import delivering, idempotency, webhooks

logger = logging.getLogger(__name__)

# Other processes may write events too, such as commands.
_LOOK_AGAIN = 20.0
_DAY = 24 * 3600.0


class Sender:
    """Sleeps until it is woken or something may be due."""

    def __init__(self) -> None:
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._swept = 0.0

    def start(self) -> None:
        """From now on this process sends, unless workers do."""
        with self._lock:
            if settings.CELERY_TASK_ALWAYS_EAGER and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
                self._thread.start()

    def wake(self) -> None:
        """There is something to send."""
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._round()
            self._wake.wait(_LOOK_AGAIN)
            self._wake.clear()

    def _round(self) -> None:
        """Whatever goes wrong in one round, there is a next one."""
        try:
            close_old_connections()
            while delivering.deliver_due():
                pass
            self._forget()
        except Exception:
            logger.exception("webhooks: this round broke off; the next one goes on")
        finally:
            close_old_connections()

    def _forget(self) -> None:
        """What a clock does where there are workers."""
        if not self._swept or time.monotonic() - self._swept > _DAY:
            self._swept = time.monotonic()
            idempotency.forget_old()
            webhooks.forget_old()


sender = Sender()
