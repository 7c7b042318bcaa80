"""Cameras: each opens a capture page, sends frames at its pace, and begins again when an attempt has ended."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin

from liveness.chain import FrameChain
from portal.demo.client import Page, VisitError, Visitor

PACE = 0.125
_NAME, _CAPTURE = "/signin/face/", "/signin/face/capture/"
_PATIENCE = 120.0


@dataclass
class Seen:
    """What one camera saw while it was counted. Seconds throughout.

    answers: from a frame to its answer; waits: estimated and true wait in line; lost: frames without an answer, and
    attempts that broke off, as the words of what happened.
    """

    answers: list[float] = field(default_factory=list)
    waits: list[tuple[float, float]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    attempts: int = 0


class Camera:
    """One visitor with one camera. pace: seconds between frames at least, 0 for as fast as answers come; late: seconds
    that it comes after the first.

    begun: whether the server has let it begin, or put it in line.
    """

    def __init__(
        self, url: str, number: int, clip: Sequence[bytes], pace: float = PACE, late: float = 0.0
    ) -> None:
        self.seen = Seen()
        self.begun = False
        self._visitor = Visitor(url)
        self._name = f"camera-{number}"
        self._clip = clip
        self._start = number * 7 % len(clip)
        self._pace, self._late = pace, late

    async def run(self, until: asyncio.Event) -> None:
        """Attempt after attempt, until told to stop."""
        await asyncio.sleep(self._late)
        await asyncio.to_thread(self._introduce)
        while not until.is_set():
            try:
                await self._attempt(until)
            except (WebSocketException, VisitError, OSError, TimeoutError) as error:
                self.seen.lost.append(f"{type(error).__name__}: {error}")
                await asyncio.sleep(1)

    def _introduce(self) -> None:
        page = self._visitor.get(_NAME)
        self._visitor.send(page.form(_NAME), username=self._name)

    async def _attempt(self, until: asyncio.Event) -> None:
        page = await asyncio.to_thread(self._visitor.get, _CAPTURE)
        if "ticket" not in page.data:
            raise VisitError(f"{page.url} ({page.status}) is no capture page: {page.words[:200]}")
        async with self._socket(page) as socket:
            answer = await self._begin(socket, page)
            if answer["type"] == "ready":
                self.seen.attempts += 1
                await self._show(socket, page, answer, until)
            else:
                raise VisitError(f"The attempt did not begin: {answer}")

    def _socket(self, page: Page) -> connect:
        url = self._visitor.url
        return connect(
            url.replace("http", "ws", 1) + page.data["socket-path"],
            origin=Origin(url),
            additional_headers={"Cookie": self._visitor.cookies},
            compression=None,
            open_timeout=_PATIENCE,
            ping_interval=None,
        )

    async def _begin(self, socket: ClientConnection, page: Page) -> dict[str, Any]:
        """Redeem the ticket and wait in line; the first answer that is no wait."""
        await socket.send(json.dumps({"type": "start", "ticket": page.data["ticket"]}))
        begin, estimate = time.monotonic(), 0.0
        while (answer := await _hear(socket))["type"] == "wait":
            self.begun, estimate = True, estimate or answer["seconds"]
        self.begun = True
        if estimate:
            self.seen.waits.append((estimate, time.monotonic() - begin))
        return answer

    async def _show(
        self, socket: ClientConnection, page: Page, ready: dict[str, Any], until: asyncio.Event
    ) -> None:
        chain = FrameChain(page.data["ticket"], bytes.fromhex(ready["nonce"]))
        pace, sent = ready["pace"] / 1000, 0.0
        for jpeg in self._frames():
            due = sent + max(pace, self._pace) if self._pace else 0.0
            await asyncio.sleep(due - time.monotonic())
            if until.is_set():
                await socket.send(json.dumps({"type": "cancel"}))
                return
            sent, began = time.monotonic(), time.perf_counter()
            await socket.send(chain.seal(jpeg))
            answer = await _hear(socket)
            self.seen.answers.append(time.perf_counter() - began)
            if answer["type"] == "error":
                raise VisitError(f"The capture broke off: {answer['code']}")
            if answer["type"] == "verdict":
                return
            pace = answer["pace"] / 1000

    def _frames(self) -> Iterator[bytes]:
        """Each camera begins elsewhere in the clip."""
        return itertools.islice(itertools.cycle(self._clip), self._start, None)


async def _hear(socket: ClientConnection) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), _PATIENCE))
    return answer
