"""People: who they are, what they agreed to, and the protected template of their face."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    default_auto_field = "django.db.models.BigAutoField"
    name = "accounts"

    def ready(self) -> None:
        from accounts import rights, signals

        signals.connect()
        rights.connect()
