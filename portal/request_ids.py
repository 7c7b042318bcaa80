"""One id for everything that one request caused: its answer, its log lines, and the tasks it enqueued."""

import json
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any

from celery.signals import before_task_publish, task_postrun, task_prerun

HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_FIELD = "livegate_request_id"

current: ContextVar[str] = ContextVar("request_id", default="")
"""The id of what runs now; empty outside of a request or task."""

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Any, Send], Awaitable[None]]


def identified(application: Application) -> Application:
    """ASGI: take a well-formed X-Request-ID of the proxy or make one, and send it back with the answer."""

    async def respond(scope: Scope, receive: Any, send: Send) -> None:
        given = dict(scope.get("headers", [])).get(HEADER.lower().encode(), b"")
        own = given if _WELL_FORMED.fullmatch(given) else secrets.token_hex(8).encode()
        current.set(own.decode())

        async def send_with_id(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (HEADER.lower().encode(), own)]
            await send(message)

        await application(scope, receive, send_with_id)

    return respond


class WithRequestId(logging.Filter):
    """Gives every record its ``request_id``."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current.get() or "-"
        return True


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, logger, request_id, message, and exception where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "logger": record.name,
            "request_id": getattr(record, "request_id", "-"),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


@before_task_publish.connect
def _send_along(headers: dict[str, Any], **kwargs: Any) -> None:
    headers.setdefault(_FIELD, current.get())


@task_prerun.connect
def _take_over(task: Any, **kwargs: Any) -> None:
    """An eager task runs inside the request and keeps its id."""
    if not task.request.is_eager:
        current.set(str(task.request.get(_FIELD) or task.request.id))


@task_postrun.connect
def _forget(task: Any, **kwargs: Any) -> None:
    if not task.request.is_eager:
        current.set("")
