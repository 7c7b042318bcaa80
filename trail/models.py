"""One table that is only ever added to."""

from typing import Any, NoReturn

from django.db import models


class AppendOnly(PermissionError):
    """Entries of the audit trail are neither changed nor deleted."""


class Entries(models.QuerySet["AuditEntry"]):
    """Reading, and nothing else; the database refuses what gets past this class."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly("An entry of the audit trail cannot be changed.")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly("An entry of the audit trail cannot be changed.")

    def delete(self) -> NoReturn:
        raise AppendOnly("An entry of the audit trail cannot be deleted.")


class AuditEntry(models.Model):
    """What happened, when, about whom and by whom. ``trail.chain.append`` alone writes it."""

    number = models.PositiveBigIntegerField(primary_key=True, help_text="1, 2, 3, without gaps.")
    at = models.DateTimeField()
    event = models.CharField(max_length=60)
    subject = models.CharField(
        max_length=32, blank=True, help_text="Pseudonym of the person it is about."
    )
    actor = models.CharField(
        max_length=32, blank=True, help_text="Pseudonym of the person who did it."
    )
    facts = models.JSONField(default=dict)
    previous = models.CharField(max_length=64, unique=True, help_text="Digest of the entry before.")
    digest = models.CharField(
        max_length=64, unique=True, help_text="SHA-256 over all of the above."
    )

    objects = Entries.as_manager()

    class Meta:
        ordering = ["-number"]
        verbose_name_plural = "audit entries"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["subject", "-number"], name="trail_subject"),
            models.Index(fields=["actor", "-number"], name="trail_actor"),
            models.Index(fields=["event", "-number"], name="trail_event"),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.event}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("An entry of the audit trail cannot be changed.")
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly("An entry of the audit trail cannot be deleted.")
