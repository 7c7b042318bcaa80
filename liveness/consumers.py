"""The capture socket: it gates what comes in, awaits the runtime, and sends what was decided elsewhere.

The database is touched when an attempt opens and when it ends, never per frame. Channels delivers one message after
the other, so a look runs as a task of its own: otherwise a second frame or a hang-up would wait unseen behind it.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Coroutine
from contextlib import ExitStack, suppress
from typing import Any

from autobahn.exception import Disconnected
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError

from liveness import (
    admission,
    draining,
    lookers,
    protocol,
    runtime,
    services,
    shadow,
    tasks,
    tracing,
)
from liveness.admission import Place
from liveness.chain import LINK_BYTES, BrokenChain, FrameChain
from liveness.engine.capture import Capture
from liveness.engine.flash import Ask, Flash, Skip
from liveness.engine.frames import FrameError
from liveness.engine.hues import Challenge
from liveness.engine.session import Decision, Verdict
from liveness.engine.stream import Stream
from liveness.models import Attempt
from liveness.protocol import Close, FrameGate, Message, ProtocolError
from liveness.tickets import TicketError

logger = logging.getLogger(__name__)

_START_SECONDS = 10.0
_LOOK_SECONDS = 15.0
# In line: how often the number is looked at again; and for how long at most, well before the purge takes the attempt for dead.
_LINE_NEWS, _LINE_SECONDS = 1.0, 50.0
# A slow camera shows a picture twice now and then; one that stands still is told so.
_MOST_REPEATS = 60


class LivenessConsumer(AsyncWebsocketConsumer):
    """One socket, at most one attempt.

    skipping: what becomes of an attempt whose person skips the colours. Here it may pass, and whoever claims it asks
    for a second factor instead.
    """

    skipping = Skip.ALLOWED

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._attempt: Attempt | None = None
        self._capture: Capture | None = None
        self._place = Place()
        self._chain = FrameChain("")
        self._stream = Stream()
        self._task: asyncio.Task[None] | None = None
        self._painter: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._gate = FrameGate(
            settings.LIVENESS_MAX_FRAME_BYTES, settings.LIVENESS_MAX_FRAMES_PER_SECOND
        )
        self._began = 0.0
        self._frames = 0
        self._in_flight = False
        self._late = False
        self._over = False
        self._written = False
        self._shadow: shadow.Shadow | None = None
        self._counted = ExitStack()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Whatever ends the socket — a hang-up, an exception, the server's shutdown — no attempt stays open.

        There is no channel layer, hence one source of messages: no task is needed to wait for each.
        """
        self.scope, self.base_send, self.channel_layer = scope, send, None
        with tracing.span("attempt"), self._counted:
            try:
                with suppress(StopConsumer):
                    while True:
                        await self.dispatch(await receive())
            finally:
                await self._leave()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Frames touch no database: they need not wait for a thread that looks after its connections."""
        if message["type"] == "websocket.receive":
            await self.websocket_receive(message)
        else:
            await super().dispatch(message)

    async def connect(self) -> None:
        await self.accept()
        if self._session_key():
            self._set_timer(_START_SECONDS)
        else:
            await self._refuse(ProtocolError("no_session", Close.NO_SESSION))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._over:
            return
        if text_data is not None:
            await self._guarded(self._on_text(text_data))
        else:
            await self._guarded(self._on_frame(bytes_data or b""))

    async def _on_text(self, text: str) -> None:
        message = protocol.parse(text)
        if isinstance(message, protocol.Cancel):
            await self._leave()
            await self._hang_up(Close.DONE)
        elif self._attempt is None:
            await self._start(message)
        else:
            raise ProtocolError("bad_message", Close.BAD_MESSAGE)

    async def _start(self, start: protocol.Start) -> None:
        self._stop_timer()
        if draining.begun():
            raise ProtocolError("restarting", Close.BUSY)
        try:
            admission.door.check()
        except admission.Full:
            raise ProtocolError("busy", Close.BUSY) from None
        self._counted.enter_context(draining.attempt())
        self._attempt = await self._redeem(start)
        self._place = admission.door.enter()
        self._counted.callback(admission.door.leave, self._place)
        self._spawn(self._begin(start, self._attempt))

    async def _begin(self, start: protocol.Start, attempt: Attempt) -> None:
        """Wait for a place, then for frames."""
        await self._stand_in_line(self._place)
        try:
            _, engine = await database_sync_to_async(runtime.get_engine)()
        except runtime.EngineUnavailable:
            raise ProtocolError("unavailable", Close.BUSY) from None
        rules = runtime.rules_for(attempt.purpose)
        skip = self.skipping if start.skips_flash else Skip.NO
        flash = Flash(Ask(settings.LIVENESS_FLASH), skip)
        self._capture = Capture(engine, rules, settings.FACE_MATCH_THRESHOLD, flash=flash)
        self._chain, self._stream = FrameChain(start.ticket), Stream(start.camera)
        self._shadow = await database_sync_to_async(shadow.begin)(rules)
        deadline, self._began = settings.LIVENESS_DEADLINE_SECONDS, time.monotonic()
        self._set_timer(deadline)
        await self._tell(
            protocol.Ready(
                type="ready",
                deadline=deadline,
                max_bytes=settings.LIVENESS_MAX_FRAME_BYTES,
                frames=rules.judged,
                nonce=self._chain.nonce.hex(),
                pace=round(1000 * self._place.pace),
            )
        )

    async def _stand_in_line(self, place: Place) -> None:
        """Say the place in line, again whenever it changes, until it is free."""
        end, told = time.monotonic() + _LINE_SECONDS, (0, 0)
        while not place.admitted.is_set():
            if time.monotonic() > end:
                raise ProtocolError("busy", Close.BUSY)
            number = admission.door.number(place)
            if number[0] and number != told:
                told = number
                await self._tell(protocol.Wait(type="wait", place=number[0], seconds=number[1]))
            with suppress(TimeoutError):
                await asyncio.wait_for(place.admitted.wait(), _LINE_NEWS)

    async def _redeem(self, start: protocol.Start) -> Attempt:
        try:
            return await database_sync_to_async(services.start_attempt)(
                ticket=start.ticket, session_key=self._session_key(), camera=start.camera
            )
        except TicketError as error:
            raise ProtocolError(error.code, Close.BAD_TICKET) from None

    async def _on_frame(self, message: bytes) -> None:
        if self._capture is None:
            raise ProtocolError("bad_message", Close.BAD_MESSAGE)
        now = time.monotonic()
        self._gate.admit(len(message) - LINK_BYTES, now, self._in_flight)
        try:
            jpeg = self._chain.open(message)
        except BrokenChain:
            raise ProtocolError("broken_chain", Close.BROKEN_STREAM) from None
        self._in_flight = True
        self._frames += 1
        self._place.frame(now)
        self._spawn(self._judge(self._capture, jpeg, now - self._began))

    async def _judge(self, capture: Capture, jpeg: bytes, at: float) -> None:
        with tracing.span("look"):
            async with asyncio.timeout(_LOOK_SECONDS):
                decision, box = await runtime.run(
                    _look, self._place, capture, self._stream, jpeg, at, time.perf_counter()
                )
        # A look that ends in the very moment in which the socket is refused outlives its cancellation.
        if self._over:
            return
        shown = shadow.last_shown(capture, jpeg)
        self._in_flight = False
        if decision.verdict is not Verdict.MORE:
            await self._finish(capture, decision, shown)
        elif self._late:
            await self._finish(capture, capture.session.expire(), shown)
        else:
            await self._hint(decision, box)
            self._shine(capture.flash)
            if self._shadow is not None:
                self._shadow.see(shown)

    async def _hint(self, decision: Decision, box: list[float] | None) -> None:
        await self._tell(
            protocol.Hint(
                type="hint",
                code=decision.reason,
                progress=round(decision.progress, 3),
                seq=self._frames,
                box=box,
                pace=round(1000 * self._place.pace),
            )
        )

    def _shine(self, flash: Flash) -> None:
        """A round of colours that has begun is painted by a task of its own: frames must not set its pace."""
        idle = self._painter is None or self._painter.done()
        challenge = flash.unpainted
        if challenge is not None and idle and not self._over:
            self._painter = self._background(self._paint(flash, challenge))

    async def _paint(self, flash: Flash, challenge: Challenge) -> None:
        """One colour after the other, none before its time: nobody can know them in advance."""
        of = len(challenge.colours)
        for step, colour in enumerate((*challenge.colours, None), 1):
            flash.painted(time.monotonic() - self._began)
            await self._tell(
                protocol.FlashMessage(type="flash", step=min(step, of), of=of, colour=colour)
            )
            await asyncio.sleep(challenge.seconds if colour else 0)

    async def _finish(
        self, capture: Capture, decision: Decision, shown: shadow.Shown | None = None
    ) -> None:
        """Write first, tell afterwards: a PASS that could not be written was none. The shadow comes last."""
        self._end()
        attempt = await database_sync_to_async(services.close_attempt)(
            attempt=self._attempt, decision=decision, capture=capture
        )
        self._written = True
        await self._tell(
            protocol.VerdictMessage(
                type="verdict",
                verdict=decision.verdict,
                reason=decision.reason,
                attempt=str(attempt.pk),
            )
        )
        await self._hang_up(Close.DONE)
        if self._shadow is not None:
            self._shadow.see(shown)
            result = await self._shadow.result(decision)
            await database_sync_to_async(shadow.store)(attempt, result)
        await database_sync_to_async(tasks.purge_if_due)()

    async def _refuse(self, error: ProtocolError) -> None:
        """Close an open attempt as an ERROR, say why in one word, hang up."""
        self._end()
        if self._attempt is not None:
            await self._write_off(services.fail_attempt, reason=error.code)
        await self._tell(protocol.ErrorMessage(type="error", code=error.code))
        await self._hang_up(error.close)

    async def _leave(self) -> None:
        """Abandon what is still open; a verdict that is being written is awaited instead."""
        if self._over and self._task is not None:
            await asyncio.wait({self._task}, timeout=_LOOK_SECONDS)
        elif not self._over:
            self._end()
            if self._attempt is not None:
                await self._write_off(services.abandon_attempt)

    async def _write_off(self, service: Any, **values: str) -> None:
        """Never raises: an attempt that cannot be written off is not passed either, and the purge closes it."""
        capture = None if self._in_flight else self._capture
        try:
            await database_sync_to_async(service)(attempt=self._attempt, capture=capture, **values)
        except Exception:
            logger.exception("attempt %s could not be closed", self._attempt)

    async def _guarded(self, work: Awaitable[None]) -> None:
        """Every failure ends the attempt; none of them is a pass."""
        try:
            await work
        except ProtocolError as error:
            await self._refuse(error)
        except runtime.Busy:
            await self._refuse(ProtocolError("busy", Close.BUSY))
        except DatabaseError as error:
            logger.error("attempt %s: the database is away: %s", self._attempt, error)
            if not self._written:
                await self._refuse(ProtocolError("unavailable", Close.BUSY))
        except Exception:
            logger.exception("attempt %s: internal error", self._attempt)
            if not self._written:
                await self._refuse(ProtocolError("internal_error", Close.INTERNAL))

    def _on_time(self) -> None:
        if self._over:
            return
        if self._capture is None:
            self._spawn(self._refuse(ProtocolError("deadline", Close.TOO_LATE)))
        elif self._in_flight:
            self._late = True
        else:
            self._over = True
            self._spawn(self._finish(self._capture, self._capture.session.expire()))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = self._background(work)

    def _background(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """What is cancelled before it begins is closed; otherwise Python complains that nobody awaited it."""
        task = asyncio.create_task(self._guarded(work))
        task.add_done_callback(lambda _: work.close())
        return task

    def _set_timer(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._on_time)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end(self) -> None:
        """From here on nothing that comes in counts; a look in flight is no longer awaited."""
        self._over = True
        self._stop_timer()
        for task in (self._task, self._painter):
            if task is not None and task is not asyncio.current_task():
                task.cancel()

    def _session_key(self) -> str:
        return getattr(self.scope.get("session"), "session_key", None) or ""

    async def _tell(self, message: Message) -> None:
        """Who has just hung up hears nothing, which is no error; what follows from it comes as a message."""
        with suppress(Disconnected):
            await self.send(text_data=json.dumps(message))

    async def _hang_up(self, code: Close) -> None:
        """The place is free before the other end has said goodbye, too: that may take long.

        Autobahn takes a plain int and nothing that is one only by inheritance.
        """
        admission.door.leave(self._place)
        with suppress(Disconnected):
            await self.close(int(code))


def _look(
    place: admission.Place, capture: Capture, stream: Stream, jpeg: bytes, at: float, asked: float
) -> tuple[Decision, list[float] | None]:
    """On a worker thread: the decision, and where the face is as fractions of the frame.

    A picture that was shown before is no evidence. Raises ProtocolError when there is nothing else for long.
    """
    with admission.timed(place, asked):
        try:
            view = lookers.view(capture.engine, jpeg, crowded=place.waited > lookers.CROWDED)
        except FrameError:
            view = None
        new = stream.is_new(jpeg, view.print if view else None, at)
        capture.note(stream.risks())
        if stream.repeats > _MOST_REPEATS:
            raise ProtocolError("repeated_frames", Close.BROKEN_STREAM)
        if not new:
            return Decision(Verdict.MORE, None, capture.session.progress), None
        decision = capture.add(jpeg, at, view)
    face = capture.looks[-1][1].face if capture.looks else None
    if view is None or face is None or decision.verdict is not Verdict.MORE:
        return decision, None
    return decision, protocol.fractions(face.box, *view.size)
