"""Training runs: who asked for what, on which data, and what came out."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class TrainingRun(models.Model):
    """One offline run. It is written by ``training.services`` alone."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

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
    recipe = models.CharField(max_length=40, blank=True, help_text="A name of training.recipes.")
    scheduled = models.BooleanField(default=False, help_text="Asked for by the clock, by nobody.")
    data = models.CharField(
        "data set", max_length=500, help_text="Path of a manifest CSV on the training machine."
    )
    base = models.JSONField(
        default=list, blank=True, help_text="Each data set's name, path and digest, as requested."
    )
    attempts = models.JSONField(
        default=list, blank=True, help_text="Id, label and digest of each reviewed attempt."
    )
    data_digest = models.CharField("SHA-256 of all that was requested", max_length=64)
    copies_digest = models.CharField(
        "SHA-256 of the manifest that is trained on", max_length=64, blank=True
    )
    options = models.JSONField(
        default=dict, blank=True, help_text='For example {"epochs": 20, "minutes": 30}.'
    )
    worker = models.CharField(
        max_length=32,
        blank=True,
        help_text="Token of the worker that has it; only that one may write.",
    )
    tries = models.PositiveSmallIntegerField(default=0, help_text="How often a worker claimed it.")
    heartbeat = models.DateTimeField(
        default=timezone.now, help_text="The last sign of life of its worker, or of its queue."
    )
    progress = models.JSONField(default=dict, blank=True, help_text="Epoch, loss, time left.")
    history = models.JSONField(default=list, blank=True, help_text="One row an epoch.")
    log = models.TextField(blank=True, help_text="The last lines that the run printed.")
    reason = models.TextField(blank=True, help_text="Why it failed.")
    result = models.JSONField(default=dict, blank=True)
    bundle = models.CharField(max_length=500, blank=True, help_text="Folder of the new model.")
    model = models.ForeignKey(
        "liveness.ModelVersion",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="training_runs",
    )

    class Meta:
        ordering = ["-created", "-pk"]
        indexes = [models.Index(fields=["state", "heartbeat"], name="training_run_signs")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "running", "done", "failed", "cancelled"]),
                name="training_run_state_known",
            ),
            models.UniqueConstraint(
                fields=["scheduled"],
                condition=models.Q(scheduled=True, state__in=["queued", "running"]),
                name="one_open_scheduled_run",
            ),
        ]

    def __str__(self) -> str:
        return f"Training run {self.pk} ({self.state})"

    def get_absolute_url(self) -> str:
        return reverse("training:run", args=[self.pk])

    @property
    def is_open(self) -> bool:
        """Waiting or running: it can still be cancelled."""
        return self.state in (self.State.QUEUED, self.State.RUNNING)


class Lesson(models.Model):
    """Somebody whose pictures were copied for a run. Written when the copies are complete."""

    run = models.ForeignKey(TrainingRun, models.CASCADE, related_name="lessons")
    subject = models.CharField(
        max_length=32,
        blank=True,
        db_index=True,
        help_text="The person's pseudonym; empty after erasure.",
    )
    judged = models.BooleanField(help_text="Kept to be judged; nothing learned from them.")
    frames = models.PositiveIntegerField()
    erased = models.DateTimeField(
        null=True, blank=True, help_text="When the copies of their pictures were erased."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "subject", "judged"],
                condition=~models.Q(subject=""),
                name="one_lesson_a_person_and_run",
            )
        ]

    def __str__(self) -> str:
        return f"{self.frames} frames of run {self.run_id}"


class Benchmark(models.Model):
    """A list of labelled frames that candidates are proven on, as it was when it was frozen. Written once."""

    name = models.CharField(max_length=60, unique=True)
    manifest = models.CharField(max_length=500, help_text="Path of a manifest CSV.")
    split = models.CharField(
        max_length=20, blank=True, help_text="Only rows of this split; empty: all."
    )
    digest = models.CharField("SHA-256 of the manifest", max_length=64)
    files = models.JSONField(default=dict, help_text="SHA-256 of every frame, by its path.")
    counts = models.JSONField(default=dict, help_text="Frames of each camera and class.")
    created = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["created", "pk"]

    def __str__(self) -> str:
        return self.name


class GateReport(models.Model):
    """What the gate found when it compared a candidate with the champion of that time. Written once."""

    model = models.ForeignKey(
        "liveness.ModelVersion",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="gate_reports",
    )
    candidate = models.CharField("SHA-256 of the candidate", max_length=64)
    champion = models.CharField("SHA-256 of the champion", max_length=64, blank=True)
    champion_name = models.CharField(max_length=100, blank=True)
    passed = models.BooleanField()
    reasons = models.JSONField(default=list)
    report = models.JSONField(default=dict)
    plot = models.BinaryField(blank=True, default=b"", help_text="PNG.")
    plot_alt = models.TextField(blank=True)
    created = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-created", "-pk"]

    def __str__(self) -> str:
        return f"{self.candidate[:8]} against {self.champion[:8]}: {'passed' if self.passed else 'failed'}"

    def get_absolute_url(self) -> str:
        return reverse("gate:report", args=[self.pk])
