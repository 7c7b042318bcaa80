from django.urls import path

from api import captures
from liveness.consumers import LivenessConsumer
from liveness.engine.flash import Skip


class EmbeddedConsumer(LivenessConsumer):
    """The capture socket of a frame, bound to the token in its address instead of a cookie.

    Nobody here could ask for a second factor, so that whoever skips the colours has to take the other site's other way.
    """

    skipping = Skip.REFUSED

    def _session_key(self) -> str:
        return captures.session_key(self.scope["url_route"]["kwargs"]["token"])


websocket_urlpatterns = [path("ws/embed/<str:token>/", EmbeddedConsumer.as_asgi())]
