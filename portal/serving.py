"""Daphne, patient and wary: told to end (SIGTERM), it turns unready, lets running attempts finish, and ends then."""

import ctypes
import logging
import signal
from contextlib import suppress
from typing import Any

import daphne.server
from daphne.cli import CommandLineInterface
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.server import Server
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from django.conf import settings
from twisted.internet import reactor as _reactor

from liveness import draining

logger = logging.getLogger(__name__)
reactor: Any = _reactor

_LOOK_AGAIN = 0.2
_LAST_WORDS = 10.0
"""Seconds in which somebody far away, or busy, may still hear a verdict. Autobahn cuts the line after one."""
# glibc's mallopt: so many arenas for all threads, and from so many bytes on a block is the system's own.
_ARENA_MAX, _ARENAS = -8, 2
_MMAP_THRESHOLD, _LARGE = -3, 4 * 1024 * 1024


# What Daphne reads from any client as if its own proxy had sent it, and stumbles over unless it is ASCII.
_NOT_FROM_CLIENTS = (b"daphne-root-path", b"sec-websocket-protocol")
# Which trace a request belongs to is for a proxy to say.
_FROM_PROXIES = (b"traceparent", b"tracestate", b"baggage")


class WaryRequest(WebRequest):
    """Nobody outside says below which path we live, and no socket of ours has subprotocols."""

    def process(self) -> Any:
        trusted = bool(settings.SECURE_PROXY_SSL_HEADER)
        for name in (*_NOT_FROM_CLIENTS, *(() if trusted else _FROM_PROXIES)):
            self.requestHeaders.removeHeader(name)
        return super().process()


class WaryFactory(HTTPFactory):
    def buildProtocol(self, addr: Any) -> Any:
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = WaryRequest
        return protocol


class PatientSocket(WebSocketProtocol):
    """What was said last is still heard on a slow line: a connection that is cut loses it.

    And quiet: Autobahn writes a line about every piece that arrives, even where no log takes it; frames arrive in many.
    """

    def connectionMade(self) -> None:
        super().connectionMade()
        self.closeHandshakeTimeout = _LAST_WORDS

    def dataReceived(self, data: bytes) -> None:
        self._dataReceived(data)


class PatientServer(Server):
    """LIVEGATE_DRAIN_PAUSE seconds at least, so that proxies notice; LIVEGATE_DRAIN_SECONDS at most."""

    def run(self) -> None:
        reactor.callLater(0, self._mind_the_signal)
        super().run()

    def _mind_the_signal(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: reactor.callFromThread(self._drain))

    def _drain(self) -> None:
        if not draining.begun():
            logger.info("asked to end: running attempts finish, new ones are told to come again")
            draining.begin()
            self._end_when_done()

    def _end_when_done(self) -> None:
        least, most = settings.LIVEGATE_DRAIN_PAUSE, settings.LIVEGATE_DRAIN_SECONDS
        if draining.done(least, most) and (draining.done(most, most) or not self._answering()):
            self.stop()
        else:
            reactor.callLater(_LOOK_AGAIN, self._end_when_done)

    def _answering(self) -> bool:
        """Whether a page is being made for somebody."""
        return any(
            isinstance(protocol, WebRequest) and not details["application_instance"].done()
            for protocol, details in self.connections.items()
            if "application_instance" in details
        )


class PatientCommandLine(CommandLineInterface):
    server_class = PatientServer


def give_memory_back() -> None:
    """Large messages that many threads have seen must not stay behind in the heap of each. Nothing without glibc."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_ARENA_MAX, _ARENAS)
        libc.mallopt(_MMAP_THRESHOLD, _LARGE)


def serve(host: str, port: str) -> None:
    """Serve until told to end; the first visitor waits for no import."""
    give_memory_back()
    # Daphne has no other door for classes of ours.
    daphne.server.HTTPFactory = WaryFactory
    WebSocketFactory.protocol = PatientSocket
    PatientCommandLine().run(
        ["-b", host, "-p", port, "--no-server-name", "portal.asgi:application"]
    )
