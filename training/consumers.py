"""A run's page, live: the row is read once a second while somebody watches, and sent when it has changed.

The worker that trains is another process, often on another machine, and there is no channel layer by design: a socket
of Livegate talks to its own process alone. The row is where the worker writes anyway; reading it costs one query by its
key, for the one or two people who watch.
"""

import asyncio
import contextlib
from typing import Any
from urllib.parse import parse_qs

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError
from django.utils import translation

from training import facts
from training.models import TrainingRun

SECONDS = 1.0
_CHECK_EVERY = 15
ENDED, BROKEN, NOT_ALLOWED, UNKNOWN = 1000, 1011, 4403, 4404


class RunConsumer(AsyncJsonWebsocketConsumer):
    """One socket, one run; nothing is received. It closes when the run has ended, or its watcher may no longer watch."""

    _task: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        await self.accept()
        if not await self._allowed():
            await self.close(NOT_ALLOWED)
            return
        self._task = asyncio.create_task(self._watch(self.scope["url_route"]["kwargs"]["pk"]))

    async def disconnect(self, code: int) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def receive(self, *args: Any, **kwargs: Any) -> None:
        """A watcher has nothing to say."""

    async def _watch(self, pk: int) -> None:
        try:
            await self._follow(pk)
        except DatabaseError:
            await self.close(BROKEN)

    async def _follow(self, pk: int) -> None:
        sent: dict[str, Any] | None = None
        rounds = 0
        while True:
            now = await _read(pk, self._language())
            if now is None:
                return await self.close(UNKNOWN)
            if now != sent:
                sent = now
                await self.send_json(now)
            if not now["open"]:
                return await self.close(ENDED)
            await asyncio.sleep(SECONDS)
            rounds += 1
            if rounds % _CHECK_EVERY == 0 and not await self._allowed():
                return await self.close(NOT_ALLOWED)

    def _language(self) -> str:
        """That of the page which opened the socket."""
        query = parse_qs(self.scope.get("query_string", b"").decode())
        try:
            return translation.get_supported_language_variant(query["language"][0])
        except (KeyError, LookupError):
            return settings.LANGUAGE_CODE

    async def _allowed(self) -> bool:
        """Who signed out, or lost the permission, stops seeing within seconds."""
        session = self.scope.get("session")
        key = getattr(session, "session_key", None)
        if not key or not await database_sync_to_async(session.exists)(key):
            return False
        user = await get_user(self.scope)
        return await database_sync_to_async(facts.may_watch)(user)


@database_sync_to_async
def _read(pk: int, language: str) -> dict[str, Any] | None:
    run = TrainingRun.objects.defer("result", "attempts", "options").filter(pk=pk).first()
    with translation.override(language):
        return facts.live(run) if run else None
