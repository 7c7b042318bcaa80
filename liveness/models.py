"""Attempts, their evidence, the audit trail of reviews, and the versions of the liveness model."""

import uuid
from pathlib import Path
from typing import TypedDict

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from liveness.engine.bundle import BUNDLED


def default_folder() -> Path:
    """The bundle that serves while no other was promoted: LIVENESS_BUNDLE, or the one that comes along."""
    return Path(settings.LIVENESS_BUNDLE) if settings.LIVENESS_BUNDLE else BUNDLED


class FrameRecord(TypedDict):
    """One frame of an attempt: seconds since the start, p_live (0–1) if judged, Quality codes, box in pixels."""

    at: float
    p: float | None
    reasons: list[str]
    box: list[float] | None


class ModelVersion(models.Model):
    """A proven bundle. Exactly one is ACTIVE and judges the next attempt; a retired one can be promoted again.

    What the bundle says is written once: sha256, manifest, location, metrics, data_digest and parent never change.
    """

    class State(models.TextChoices):
        CANDIDATE = "candidate", _("Candidate")
        ACTIVE = "active", _("Active")
        RETIRED = "retired", _("Retired")

    name = models.CharField(max_length=100)
    sha256 = models.CharField(max_length=64, unique=True)
    manifest = models.JSONField(default=dict)
    location = models.CharField(
        max_length=500,
        blank=True,
        help_text="Folder in the storage of bundles; empty: the default bundle.",
    )
    data_digest = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of the data it was trained on."
    )
    metrics = models.JSONField(default=dict, help_text="The figures its manifest names.")
    parent = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="children"
    )
    trained_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.CANDIDATE)
    created = models.DateTimeField(default=timezone.now)
    promoted = models.DateTimeField(null=True, blank=True)
    retired = models.DateTimeField(null=True, blank=True)
    gate = models.JSONField(
        default=dict,
        blank=True,
        help_text="The last gate: passed, champion (SHA-256), at, reasons.",
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    shadow = models.BooleanField(default=False, help_text="Scores attempts without deciding.")
    notes = models.TextField(blank=True)

    class Meta:
        ordering = ["-created", "-pk"]
        permissions = [("promote_model", "Can promote a model and roll one back")]
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="active"), name="one_active_model"
            ),
            models.UniqueConstraint(
                fields=["shadow"], condition=models.Q(shadow=True), name="one_shadow_model"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["candidate", "active", "retired"]),
                name="model_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.sha256[:8]}, {self.state})"

    def get_absolute_url(self) -> str:
        return reverse("models:model", args=[self.pk])


class ModelEvent(models.Model):
    """What happened to a model, when, and who did it. Rows are only ever added."""

    model = models.ForeignKey(ModelVersion, models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    text = models.TextField()

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.model_id}: {self.text}"


class ServingReport(models.Model):
    """What one server process serves, and why it does not serve what it should. Written by ``liveness.runtime``."""

    replica = models.CharField(max_length=150, unique=True, help_text="Host name and process id.")
    serving = models.CharField(max_length=64, blank=True, help_text="SHA-256; empty: none.")
    wanted = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the active model.")
    problem = models.TextField(blank=True)
    updated = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["replica"]

    def __str__(self) -> str:
        return f"{self.replica}: {self.serving[:8] or 'nothing'}"


class Attempt(models.Model):
    """One try to show a living face: who claimed to be whom, what the frames showed, and how it ended."""

    class Purpose(models.TextChoices):
        SIGNIN = "signin", _("Sign-in")
        ENROL = "enrol", _("Enrolment")

    class State(models.TextChoices):
        PENDING = "pending", _("Waiting for the camera")
        RUNNING = "running", _("Running")
        PASSED = "passed", _("Passed, not used yet")
        FAILED = "failed", _("Refused")
        ABSTAINED = "abstained", _("Could not be judged")
        CLAIMED = "claimed", _("Passed and used")
        ABANDONED = "abandoned", _("Abandoned")
        ERROR = "error", _("Error")

    class Label(models.TextChoices):
        NONE = "", _("Not reviewed")
        LIVE = "live", _("Live")
        PRINT = "print", _("Print")
        SCREEN = "screen", _("Screen")
        MASK = "mask", _("Mask")
        UNUSABLE = "unusable", _("Unusable")

    REFUSED = (State.FAILED, State.ABSTAINED, State.ERROR)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    claimed = models.CharField(
        max_length=150, blank=True, help_text="The name that was typed; perhaps nobody's."
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="liveness_attempts",
        help_text="The account it is about, if there is one.",
    )
    session_digest = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    reason = models.CharField(max_length=40, blank=True)
    matched = models.BooleanField(null=True, blank=True)
    created = models.DateTimeField(default=timezone.now)
    opened = models.DateTimeField(null=True, blank=True)
    closed = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    expires = models.DateTimeField(help_text="When the present state runs out.")
    model = models.ForeignKey(
        ModelVersion, models.SET_NULL, null=True, blank=True, related_name="attempts"
    )
    model_name = models.CharField(max_length=100, blank=True)
    model_sha256 = models.CharField(max_length=64, blank=True)
    threshold = models.FloatField(null=True, blank=True)
    pooled = models.FloatField(null=True, blank=True, help_text="Pooled p_live, 0–1.")
    margin = models.FloatField(
        null=True, blank=True, help_text="Distance of pooled from the threshold in log-odds."
    )
    frames = models.JSONField(default=list, blank=True)
    measures = models.JSONField(
        null=True, blank=True, help_text="Light, face size and share of unjudged frames."
    )
    secret = models.BinaryField(
        null=True, blank=True, help_text="The sealed embedding, between PASS and the claim."
    )
    client = models.CharField(max_length=64, blank=True, help_text="The truncated address.")
    user_agent = models.CharField(max_length=200, blank=True)
    camera = models.CharField(
        max_length=100, blank=True, help_text="What the browser says of its camera; unproven."
    )
    risks = models.JSONField(
        default=list, blank=True, help_text="What was odd about the stream of frames; no proof."
    )
    flash = models.JSONField(
        null=True, blank=True, help_text="How the colours of the screen were answered, if asked."
    )
    sampled = models.BooleanField(
        default=False, help_text="A bona fide attempt whose pictures are kept for review."
    )
    label = models.CharField(max_length=10, choices=Label.choices, default=Label.NONE, blank=True)
    disputed = models.BooleanField(default=False, help_text="Its reviewers disagree.")
    shadow = models.JSONField(
        null=True, blank=True, help_text="What the shadow model would have said."
    )

    class Meta:
        ordering = ["-created"]
        permissions = [("review_attempt", "Can review attempts and see their evidence")]
        indexes = [
            models.Index(fields=["label", "state", "margin"], name="attempt_queue"),
            models.Index(fields=["client", "created"], name="attempt_client"),
            models.Index(fields=["claimed", "-created"], name="attempt_claimed"),
            models.Index(fields=["state", "expires"], name="attempt_expiry"),
            models.Index(fields=["-created"], name="attempt_created"),
            models.Index(fields=["camera", "-created"], name="attempt_camera"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(pooled__isnull=True) | models.Q(pooled__range=(0, 1)),
                name="attempt_pooled_is_a_probability",
            ),
            models.CheckConstraint(
                condition=models.Q(secret__isnull=True) | models.Q(state="passed"),
                name="attempt_secret_only_between_pass_and_claim",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.id} ({self.state})"

    def get_absolute_url(self) -> str:
        return reverse("liveness:attempt", args=[self.pk])


class Evidence(models.Model):
    """One frame of an attempt, kept encrypted for the reviewers. ``box`` is in pixels of the frame.

    The best and the worst frame are kept as they came; those of the sequence are small and for playback alone.
    """

    class Kind(models.TextChoices):
        BEST = "best", _("Highest score")
        WORST = "worst", _("Lowest score")
        SEQUENCE = "sequence", _("Playback")

    FULL_SIZE = (Kind.BEST, Kind.WORST)

    attempt = models.ForeignKey(Attempt, models.CASCADE, related_name="evidence")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    jpeg = models.BinaryField(help_text="Encrypted JPEG without metadata.")
    at = models.FloatField(help_text="Seconds since the attempt began.")
    p_live = models.FloatField(null=True, blank=True)
    box = models.JSONField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "evidence"
        constraints = [
            models.UniqueConstraint(
                fields=["attempt", "kind", "at"], name="one_frame_of_each_kind_and_time"
            ),
            models.UniqueConstraint(
                fields=["attempt", "kind"],
                condition=models.Q(kind__in=["best", "worst"]),
                name="one_best_and_one_worst_frame",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} frame of {self.attempt_id}"


class Review(models.Model):
    """Who labelled an attempt as what, and what it was before. Rows are only ever added.

    A row with ``undoes`` takes that earlier row back; its ``label`` is what the attempt is labelled as from then on.
    """

    attempt = models.ForeignKey(Attempt, models.CASCADE, related_name="reviews")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="liveness_reviews"
    )
    label = models.CharField(max_length=10, choices=Attempt.Label.choices, blank=True)
    previous = models.CharField(max_length=10, choices=Attempt.Label.choices, blank=True)
    undoes = models.OneToOneField(
        "self", models.CASCADE, null=True, blank=True, related_name="undone_by"
    )
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created", "-pk"]

    def __str__(self) -> str:
        return f"{self.attempt_id}: {self.previous or 'none'} → {self.label or 'none'}"


class DriftReference(models.Model):
    """The calibration period of a model: since when, and, once complete, what its attempts showed, without names."""

    model = models.ForeignKey(ModelVersion, models.CASCADE, related_name="drift_references")
    since = models.DateTimeField()
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    sample = models.JSONField(null=True, blank=True)
    frozen = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-since", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["model", "since"], name="one_drift_reference_a_moment")
        ]

    def __str__(self) -> str:
        return f"Reference of {self.model_id} since {self.since:%Y-%m-%d}"


class DriftReport(models.Model):
    """What a day's comparison found. told: the drifted measures that an alarm has gone out for."""

    model = models.ForeignKey(ModelVersion, models.CASCADE, related_name="drift_reports")
    day = models.DateField()
    created = models.DateTimeField(default=timezone.now)
    data = models.JSONField(default=dict)
    told = models.JSONField(default=list, blank=True)
    alarmed = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-day", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["model", "day"], name="one_drift_report_a_day")
        ]

    def __str__(self) -> str:
        return f"Drift of {self.model_id} on {self.day}"
