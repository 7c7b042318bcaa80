"""API keys, answers kept so that a repeated request is carried out once, captures for other sites, and webhooks."""

import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from liveness.models import Attempt

AREAS = {
    "attempts": _("Attempts and their review"),
    "captures": _("Captures for other sites"),
    "checks": _("Checks of pictures"),
    "drift": _("Drift"),
    "models": _("Models, the gate and promotion"),
    "people": _("People, consents, export and erasure"),
    "training": _("Training runs"),
    "webhooks": _("Webhooks"),
}
SCOPES = [f"{area}:{right}" for area in AREAS for right in ("read", "write")]


class ApiKey(models.Model):
    """A program's way in, for one staff account. Of the secret only its SHA-256 is kept.

    A key may do what its owner may do and its scopes name. What it was made with never changes.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, unique=True, help_text="Tells keys apart; no secret.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the secret.")
    scopes = models.JSONField(default=list)
    origins = models.JSONField(
        default=list, help_text="Sites that may embed this key's captures, as https://host."
    )
    per_minute = models.PositiveIntegerField(default=600, help_text="Requests a minute.")
    created = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField(null=True, blank=True)
    revoked = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created", "-pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def works(self, now: datetime | None = None) -> bool:
        """Neither revoked nor expired."""
        return self.revoked is None and not self.has_expired(now)

    def has_expired(self, now: datetime | None = None) -> bool:
        return self.expires is not None and self.expires <= (now or timezone.now())

    def allows(self, area: str, reading: bool) -> bool:
        """write includes read."""
        scopes: list[Any] = self.scopes
        return f"{area}:write" in scopes or (reading and f"{area}:read" in scopes)


class StoredAnswer(models.Model):
    """What a POST with an Idempotency-Key was answered. status is null while it is being worked on."""

    key = models.ForeignKey(ApiKey, models.CASCADE, related_name="answers")
    token = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of path and body.")
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    content_type = models.CharField(max_length=100, blank=True)
    body = models.BinaryField(null=True, blank=True, help_text="Encrypted.")
    created = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "token"], name="one_answer_a_token"),
        ]

    def __str__(self) -> str:
        return f"{self.token} of {self.key_id}: {self.status or 'under way'}"


class Capture(models.Model):
    """A capture that another web application ordered, shows in its page, and redeems once."""

    class Purpose(models.TextChoices):
        LIVENESS = "liveness", _("Is somebody there?")
        VERIFY = "verify", _("Is it this person?")
        ENROL = "enrol", _("Keep this face for this person")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.ForeignKey(ApiKey, models.CASCADE, related_name="captures")
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="captures"
    )
    reference = models.CharField(max_length=200, blank=True, help_text="The other side's own id.")
    origin = models.CharField(max_length=200, blank=True, help_text="Whose page may show it.")
    attempt = models.OneToOneField(
        Attempt, models.SET_NULL, null=True, blank=True, related_name="capture"
    )
    tries = models.PositiveSmallIntegerField(default=0)
    created = models.DateTimeField(default=timezone.now, db_index=True)
    expires = models.DateTimeField()
    redeemed = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created", "-pk"]

    def __str__(self) -> str:
        return f"{self.purpose} {self.id}"


class Webhook(models.Model):
    """An address of another application that hears of events. It hears what its owner may see, and no more."""

    class Why(models.TextChoices):
        WORKING = "", _("Working")
        HAND = "hand", _("Switched off")
        FAILING = "failing", _("Failed for days")
        GONE = "gone", _("Said that it is gone")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=500)
    note = models.CharField(max_length=100, blank=True)
    events = models.JSONField(default=list, help_text="Which events it hears.")
    secret = models.BinaryField(null=True, help_text="What signs its events; encrypted.")
    created = models.DateTimeField(default=timezone.now)
    disabled = models.DateTimeField(null=True, blank=True)
    why = models.CharField(max_length=10, choices=Why.choices, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created", "-pk"]

    def __str__(self) -> str:
        return self.note or self.url


class WebhookEvent(models.Model):
    """Something that happened, written in the transaction in which it did. id: tells the receiver a repetition."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    type = models.CharField(max_length=40)
    at = models.DateTimeField(default=timezone.now, db_index=True)
    body = models.TextField(
        help_text="The JSON that is sent; empty once an erased person was told."
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class WebhookDelivery(models.Model):
    """One event for one webhook. due: when it is tried next; while it is being tried, when it may be tried again."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Given up")

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    event = models.ForeignKey(WebhookEvent, models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    due = models.DateTimeField(default=timezone.now)
    ended = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["webhook", "event"], name="one_delivery_an_event"),
        ]
        indexes = [
            models.Index(
                fields=["due"], condition=models.Q(state="waiting"), name="waiting_deliveries"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.webhook_id}: {self.state}"


class WebhookTry(models.Model):
    """How one try went. status: of the answer, null where none came; answer: its beginning, or why none came."""

    delivery = models.ForeignKey(WebhookDelivery, models.CASCADE, related_name="log")
    at = models.DateTimeField(default=timezone.now)
    seconds = models.FloatField()
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.delivery_id}: {self.status or 'no answer'}"
