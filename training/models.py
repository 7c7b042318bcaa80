"""Training runs: who asked for what, on which data, and what came out."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class TrainingRun(models.Model):
    """One offline run. It is written by ``training.services`` alone."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    created = models.DateTimeField(default=timezone.now)
    started = models.DateTimeField(null=True, blank=True)
    finished = models.DateTimeField(null=True, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="training_runs",
    )
    data = models.CharField(
        "data set", max_length=500, help_text="Path of a manifest CSV on the training machine."
    )
    data_digest = models.CharField("SHA-256 of the manifest", max_length=64)
    options = models.JSONField(
        default=dict, blank=True, help_text='For example {"epochs": 20, "minutes": 30}.'
    )
    log = models.TextField(blank=True, help_text="The last lines that the run printed.")
    reason = models.TextField(blank=True, help_text="Why it failed.")
    result = models.JSONField(default=dict, blank=True)
    bundle = models.CharField(max_length=500, blank=True, help_text="Folder of the new model.")

    class Meta:
        ordering = ["-created", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "running", "done", "failed", "cancelled"]),
                name="training_run_state_known",
            )
        ]

    def __str__(self) -> str:
        return f"Training run {self.pk} ({self.state})"
