"""A page of another site cannot open the capture socket, whatever cookie its visitor has."""

from typing import Any

import pytest
from channels.testing import WebsocketCommunicator

from liveness import runtime
from trail import watch


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The whole application, as a server would start it, without what that does aside."""
    monkeypatch.setattr(runtime, "warm_up", lambda: True)
    monkeypatch.setattr(watch, "note_at_start", lambda: True)
    from portal.asgi import application

    return application


async def _accepted(portal: Any, path: str, headers: list[tuple[bytes, bytes]]) -> bool:
    socket: Any = WebsocketCommunicator(portal, path, headers)
    accepted, _ = await socket.connect(timeout=10)
    await socket.disconnect(timeout=10)
    return accepted


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "origin", [b"https://evil.example", b"http://127.0.0.1.evil.example", b"null", b"file://", b""]
)
async def test_a_socket_from_another_site_is_refused_at_the_handshake(
    portal: Any, origin: bytes
) -> None:
    assert not await _accepted(portal, "/ws/liveness/", [(b"origin", origin)])


@pytest.mark.django_db(transaction=True)
async def test_a_socket_of_our_own_pages_is_accepted(portal: Any) -> None:
    assert await _accepted(portal, "/ws/liveness/", [(b"origin", b"http://127.0.0.1:8000")])


@pytest.mark.parametrize("path", ["/", "/ws/", "/ws/liveness", "/ws/nothing/", "/ws/training/x/"])
async def test_a_socket_at_no_address_of_ours_is_refused_and_is_no_error(
    portal: Any, path: str
) -> None:
    assert not await _accepted(portal, path, [(b"origin", b"http://127.0.0.1:8000")])
