"""One id leads from the request to its log lines and to the tasks it enqueued."""

import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator

from portal import request_ids
from portal.request_ids import JsonLines, WithRequestId, current, identified


async def _answer(*headers: tuple[bytes, bytes]) -> tuple[str, str]:
    """(the id the application saw, the id that was sent back)."""
    seen: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(current.get())
        await send({"type": "http.response.start", "status": 200, "headers": []})

    asked = ApplicationCommunicator(
        identified(application), {"type": "http", "headers": list(headers)}
    )
    start = await asked.receive_output()
    return seen[0], dict(start["headers"])[b"x-request-id"].decode()


async def test_the_proxy_s_id_is_kept_and_sent_back() -> None:
    assert await _answer((b"x-request-id", b"abc-12345")) == ("abc-12345", "abc-12345")


@pytest.mark.parametrize("given", [b"short", b"two\nlines-of-log", b"x" * 65])
async def test_an_id_that_could_spoil_the_log_is_replaced(given: bytes) -> None:
    seen, sent = await _answer((b"x-request-id", given))
    assert seen == sent != given.decode()


def test_a_task_runs_under_the_id_of_the_request_that_enqueued_it() -> None:
    token = current.set("abc-12345")
    headers: dict[str, Any] = {}
    request_ids._send_along(headers=headers)
    current.reset(token)
    request = SimpleNamespace(is_eager=False, id="task", get=headers.get)
    request_ids._take_over(task=SimpleNamespace(request=request))
    assert current.get() == "abc-12345"
    request_ids._forget(task=SimpleNamespace(request=request))
    assert current.get() == ""


def test_a_log_line_is_one_json_object_with_the_id() -> None:
    token = current.set("abc-12345")
    record = logging.LogRecord("portal", logging.INFO, "", 0, "two\n%s", ("lines",), None)
    WithRequestId().filter(record)
    line = JsonLines().format(record)
    current.reset(token)
    assert "\n" not in line
    told = json.loads(line)
    assert (told["request_id"], told["message"]) == ("abc-12345", "two\nlines")
