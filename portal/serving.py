"""Daphne, patient: told to end (SIGTERM), it turns unready, lets running attempts finish, and ends then."""

import logging
import signal
from typing import Any

from daphne.cli import CommandLineInterface
from daphne.http_protocol import WebRequest
from daphne.server import Server
from django.conf import settings
from twisted.internet import reactor as _reactor

from liveness import draining

logger = logging.getLogger(__name__)
reactor: Any = _reactor

_LOOK_AGAIN = 0.2


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


def serve(host: str, port: str) -> None:
    """Serve until told to end; the first visitor waits for no import."""
    PatientCommandLine().run(
        ["-b", host, "-p", port, "--no-server-name", "portal.asgi:application"]
    )
