"""Attempts, their evidence, the audit trail of reviews, and the versions of the liveness model."""

import uuid
from pathlib import Path
from typing import TypedDict

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

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
    """A proven bundle. Exactly one is ACTIVE and judges the next attempt; a retired one can be promoted again."""

    class State(models.TextChoices):
        CANDIDATE = "candidate", "Candidate"
        ACTIVE = "active", "Active"
        RETIRED = "retired", "Retired"

    name = models.CharField(max_length=100)
    sha256 = models.CharField(max_length=64, unique=True)
    manifest = models.JSONField(default=dict)
    location = models.CharField(
        max_length=500, blank=True, help_text="Folder of the bundle; empty: the default bundle."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.CANDIDATE)
    created = models.DateTimeField(default=timezone.now)
    promoted = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created", "-pk"]
        permissions = [("promote_model", "Can promote a model and roll one back")]
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="active"), name="one_active_model"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["candidate", "active", "retired"]),
                name="model_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.sha256[:8]}, {self.state})"

    @property
    def folder(self) -> Path:
        return Path(self.location) if self.location else default_folder()


class Attempt(models.Model):
    """One try to show a living face: who claimed to be whom, what the frames showed, and how it ended."""

    class Purpose(models.TextChoices):
        SIGNIN = "signin", "Sign-in"
        ENROL = "enrol", "Enrolment"

    class State(models.TextChoices):
        PENDING = "pending", "Waiting for the camera"
        RUNNING = "running", "Running"
        PASSED = "passed", "Passed, not used yet"
        FAILED = "failed", "Refused"
        ABSTAINED = "abstained", "Could not be judged"
        CLAIMED = "claimed", "Passed and used"
        ABANDONED = "abandoned", "Abandoned"
        ERROR = "error", "Error"

    class Label(models.TextChoices):
        NONE = "", "Not reviewed"
        LIVE = "live", "Live"
        PRINT = "print", "Print"
        SCREEN = "screen", "Screen"
        MASK = "mask", "Mask"
        UNUSABLE = "unusable", "Unusable"

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
    secret = models.BinaryField(
        null=True, blank=True, help_text="The sealed embedding, between PASS and the claim."
    )
    client = models.CharField(max_length=64, blank=True, help_text="The truncated address.")
    user_agent = models.CharField(max_length=200, blank=True)
    label = models.CharField(max_length=10, choices=Label.choices, default=Label.NONE, blank=True)

    class Meta:
        ordering = ["-created"]
        permissions = [("review_attempt", "Can review attempts and see their evidence")]
        indexes = [
            models.Index(fields=["label", "state", "margin"], name="attempt_queue"),
            models.Index(fields=["client", "created"], name="attempt_client"),
            models.Index(fields=["claimed", "-created"], name="attempt_claimed"),
            models.Index(fields=["state", "expires"], name="attempt_expiry"),
            models.Index(fields=["-created"], name="attempt_created"),
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
    """One frame of an attempt, kept encrypted for the reviewers. ``box`` is in pixels of the frame."""

    class Kind(models.TextChoices):
        BEST = "best", "Highest score"
        WORST = "worst", "Lowest score"

    attempt = models.ForeignKey(Attempt, models.CASCADE, related_name="evidence")
    kind = models.CharField(max_length=5, choices=Kind.choices)
    jpeg = models.BinaryField(help_text="Encrypted JPEG without metadata.")
    at = models.FloatField(help_text="Seconds since the attempt began.")
    p_live = models.FloatField(null=True, blank=True)
    box = models.JSONField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "evidence"
        constraints = [
            models.UniqueConstraint(fields=["attempt", "kind"], name="one_frame_of_each_kind")
        ]

    def __str__(self) -> str:
        return f"{self.kind} frame of {self.attempt_id}"


class Review(models.Model):
    """Who labelled an attempt as what, and what it was before. Rows are only ever added."""

    attempt = models.ForeignKey(Attempt, models.CASCADE, related_name="reviews")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="liveness_reviews"
    )
    label = models.CharField(max_length=10, choices=Attempt.Label.choices)
    previous = models.CharField(max_length=10, choices=Attempt.Label.choices, blank=True)
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created", "-pk"]

    def __str__(self) -> str:
        return f"{self.attempt_id}: {self.previous or 'none'} → {self.label}"
