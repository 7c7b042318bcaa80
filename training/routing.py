from django.urls import path

from training.consumers import RunConsumer

websocket_urlpatterns = [path("ws/training/<int:pk>/", RunConsumer.as_asgi())]
