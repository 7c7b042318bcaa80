"""Rates that hold for requests at the same time too: they are counted by the cache, not read, compared and written."""

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import UserRateThrottle


class CountingThrottle(UserRateThrottle):
    """A sliding window out of two counters: this period's, and the share of the last one that still counts."""

    duration: int
    num_requests: int
    seconds = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        key = self.get_cache_key(request, view)
        if self.rate is None or key is None:
            return True
        period, into = divmod(self.timer(), self.duration)
        name, before = f"{key}:{period:.0f}", f"{key}:{period - 1:.0f}"
        self.seconds = self.duration - into
        self.cache.add(name, 0, 2 * self.duration)
        try:
            count = self.cache.incr(name)
        except ValueError:  # thrown out of a full cache: nobody knows, so nobody passes
            return False
        if self.cache.get(before, 0) * self.seconds / self.duration + count <= self.num_requests:
            return True
        self.cache.decr(name)
        return False

    def wait(self) -> float:
        """Seconds until the next period."""
        return self.seconds
