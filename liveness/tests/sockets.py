"""A browser's end of the capture socket, for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator

from liveness import services
from liveness.chain import FrameChain
from liveness.consumers import LivenessConsumer
from liveness.models import Attempt
from liveness.tests.fakes import SESSION, jpeg, serving


class Browser:
    """Speaks the protocol, and remembers how the socket was closed."""

    def __init__(self, session_key: str | None = SESSION) -> None:
        self.socket: Any = WebsocketCommunicator(LivenessConsumer.as_asgi(), "/ws/liveness/")
        self.socket.scope["session"] = SimpleNamespace(session_key=session_key)
        self.chain: FrameChain | None = None
        self._shown = 0

    async def start(self, ticket: str) -> Any:
        await self.socket.send_json_to({"type": "start", "ticket": ticket})
        answer = await self.hear()
        if answer["type"] == "ready":
            self.chain = FrameChain(ticket, bytes.fromhex(answer["nonce"]))
        return answer

    async def show(self, data: bytes | None = None) -> Any:
        """Send one frame, a new one if none is given, and wait for its answer."""
        self._shown += 1
        await self.send_frame(jpeg(seed=self._shown) if data is None else data)
        return await self.hear()

    async def send_frame(self, data: bytes) -> None:
        """Send one frame as the next of the chain; as it is while there is none."""
        await self.send_bytes(self.chain.seal(data) if self.chain else data)

    async def send_bytes(self, message: bytes) -> None:
        await self.socket.send_input({"type": "websocket.receive", "bytes": message})

    async def send_text(self, text: str) -> None:
        await self.socket.send_input({"type": "websocket.receive", "text": text})

    async def show_until_verdict(self, pause: float = 0.06) -> Any:
        """Frame after frame, slower than the rate cap and not at exact intervals, until an answer is no hint."""
        for number in range(200):
            answer = await self.show()
            if answer["type"] != "hint":
                return answer
            await asyncio.sleep(pause * (1 + 0.1 * (number % 3)))
        raise AssertionError("No verdict came.")

    async def hear(self) -> Any:
        return await self.socket.receive_json_from(timeout=5)

    async def close_code(self) -> int:
        message = await self.socket.receive_output(timeout=5)
        assert message["type"] == "websocket.close", message
        assert type(message["code"]) is int
        return message["code"]


@asynccontextmanager
async def browser(session_key: str | None = SESSION) -> AsyncIterator[Browser]:
    """A connected browser; the connection is dropped at the end."""
    connected = Browser(session_key)
    accepted, _ = await connected.socket.connect()
    assert accepted
    try:
        yield connected
    finally:
        await connected.socket.disconnect(timeout=5)


@asynccontextmanager
async def started(engine: Any, purpose: str = "signin") -> AsyncIterator[Browser]:
    """A browser whose attempt runs on this engine and is ready for the first frame."""
    with serving(engine):
        async with browser() as connected:
            ready = await connected.start(await open_ticket(purpose))
            assert ready["type"] == "ready", ready
            yield connected


async def open_ticket(purpose: str = "signin", session_key: str = SESSION) -> str:
    _, ticket = await database_sync_to_async(services.open_attempt)(
        purpose=purpose, session_key=session_key
    )
    return ticket


@database_sync_to_async
def the_attempt() -> Attempt:
    """The only attempt there is."""
    return Attempt.objects.get()
