"""The capture socket opens for pages of this site alone."""

import pytest
from channels.testing import WebsocketCommunicator

from portal.asgi import application


async def _opens(origin: bytes | None) -> bool:
    headers = [(b"host", b"127.0.0.1")] + ([(b"origin", origin)] if origin is not None else [])
    socket = WebsocketCommunicator(application, "/ws/liveness/", headers)
    opened, _ = await socket.connect()
    await socket.disconnect()
    return bool(opened)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "origin", [b"https://evil.example", b"http://127.0.0.1.evil.example", b"null", b"", None]
)
async def test_a_foreign_page_opens_no_socket(origin: bytes | None) -> None:
    assert not await _opens(origin)


@pytest.mark.django_db(transaction=True)
async def test_a_page_of_this_site_opens_one() -> None:
    assert await _opens(b"http://127.0.0.1")
