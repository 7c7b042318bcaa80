from django.apps import AppConfig


class LivenessConfig(AppConfig):
    name = "liveness"

    def ready(self) -> None:
        from liveness import checks  # noqa: F401  (registers the system check)
