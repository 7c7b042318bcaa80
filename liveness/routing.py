from django.urls import path

from liveness.consumers import LivenessConsumer

websocket_urlpatterns = [path("ws/liveness/", LivenessConsumer.as_asgi())]
