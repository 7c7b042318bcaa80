from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"

    def ready(self) -> None:
        from api import events, schema  # noqa: F401  (drf-spectacular learns our authentication)

        events.connect()
