"""The ASGI entry point: pages over HTTP, capture over websockets of our own origin."""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from channels.sessions import SessionMiddlewareStack
from django.core.asgi import get_asgi_application
from django.urls import re_path

from portal import tracing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
tracing.start()
pages = get_asgi_application()

from api.routing import websocket_urlpatterns as embedded_urlpatterns  # noqa: E402
from liveness import runtime  # noqa: E402  (apps must be loaded first)
from liveness.routing import websocket_urlpatterns  # noqa: E402
from portal.gates import StaffSocket  # noqa: E402
from portal.request_ids import identified  # noqa: E402
from trail import watch  # noqa: E402
from training.routing import websocket_urlpatterns as training_urlpatterns  # noqa: E402


async def nothing_here(scope: Any, receive: Any, send: Any) -> None:
    """A socket at an address that has none: the handshake is refused, which is no error of ours."""
    await receive()
    await send({"type": "websocket.close"})


application = identified(
    ProtocolTypeRouter(
        {
            "http": pages,
            "websocket": AllowedHostsOriginValidator(
                SessionMiddlewareStack(
                    StaffSocket(
                        URLRouter(
                            [
                                *websocket_urlpatterns,
                                *embedded_urlpatterns,
                                *training_urlpatterns,
                                re_path("", nothing_here),  # type: ignore[arg-type]
                            ]
                        ),
                        path="/ws/training/",
                    )
                )
            ),
        }
    )
)


def _aside(work: Callable[[], bool]) -> None:
    """Do it on a thread, and again every ten seconds until the database is there."""

    def until_done() -> None:
        while not work():
            time.sleep(10)

    threading.Thread(target=until_done, name=work.__name__, daemon=True).start()


# Thresholds and policies may have changed since the last start.
_aside(watch.note_at_start)
# The first visitor should not wait for the models to load.
_aside(runtime.warm_up)
