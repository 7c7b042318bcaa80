"""How often a caller may call: every API key has its own rate, a person in a browser the common one."""

from typing import Any

from rest_framework.request import Request

from api.models import ApiKey
from liveness.throttling import CountingThrottle


class CallerThrottle(CountingThrottle):
    """Keys do not share a budget, not even those of one owner."""

    scope = "user"

    def allow_request(self, request: Request, view: Any) -> bool:
        if isinstance(request.auth, ApiKey):
            self.num_requests, self.duration = request.auth.per_minute, 60
        return super().allow_request(request, view)

    def get_cache_key(self, request: Request, view: Any) -> Any:
        if isinstance(request.auth, ApiKey):
            return self.cache_format % {"scope": "key", "ident": request.auth.pk}
        return super().get_cache_key(request, view)
