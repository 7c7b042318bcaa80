"""The audit trail: what happened at this site, in one chain that nobody can change unnoticed."""

from django.apps import AppConfig


class TrailConfig(AppConfig):
    default_auto_field = "django.db.models.BigAutoField"
    name = "trail"
    verbose_name = "audit trail"
