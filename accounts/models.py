"""User, consent, the protected face template, the record of successful sign-ins, and what a sign-in needs."""

from django.conf import settings
from django.contrib.auth.models import AbstractUser, Group
from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from liveness import embedder


class User(AbstractUser):
    """A person with a password, and perhaps with a face."""

    face_off = models.DateTimeField(
        null=True,
        blank=True,
        help_text="The owner disowned failed attempts: no face sign-in until the password is changed.",
    )

    language = models.CharField(
        max_length=10,
        blank=True,
        default="",
        db_default="",
        help_text="What this person last read the portal in: for mails.",
    )

    @property
    def has_face(self) -> bool:
        return FaceTemplate.objects.filter(user=self).exists()


class Consent(models.Model):
    """What a person agreed to for one purpose, word for word by its digest, and when they took it back."""

    class Purpose(models.TextChoices):
        SIGNIN = "signin", _("Signing in with the face")
        EVIDENCE = "evidence", _("Pictures of attempts that did not succeed")
        TRAINING = "training", _("Training")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="consents")
    purpose = models.CharField(
        max_length=10, choices=Purpose.choices, default=Purpose.SIGNIN, db_default="signin"
    )
    version = models.CharField(max_length=20)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the text that was shown.")
    training = models.BooleanField(
        default=False, help_text="The purpose is training; for the version before, which reads it."
    )
    given = models.DateTimeField(default=timezone.now)
    withdrawn = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-given", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "purpose"],
                condition=models.Q(withdrawn__isnull=True),
                name="one_consent_in_force_a_purpose",
            )
        ]

    def __str__(self) -> str:
        state = "withdrawn" if self.withdrawn else "in force"
        return f"Consent of account {self.user_id} · {self.purpose} {self.version} · {state}"


class ConsentText(models.Model):
    """A text that people were shown, kept word for word: its SHA-256 is the ``digest`` of their consents."""

    digest = models.CharField(max_length=64, primary_key=True)
    purpose = models.CharField(max_length=10, help_text="Empty: all in one, as before 2026-3.")
    version = models.CharField(max_length=20)
    text = models.TextField()
    shown = models.DateTimeField(default=timezone.now, help_text="Since when.")

    def __str__(self) -> str:
        return f"{self.purpose or 'all purposes'} {self.version}"


class FaceTemplate(models.Model):
    """One face: a rotated embedding and the rotation's seed, each encrypted for its owner alone."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="face_template"
    )
    sealed = models.BinaryField(help_text="The rotated embedding, encrypted.")
    sealed_seed = models.BinaryField(help_text="The seed of the rotation, encrypted.")
    model_name = models.CharField(max_length=40, default="sface")
    model_sha256 = models.CharField(
        max_length=64, help_text="Digest of the embedder; a face of another one matches nobody."
    )
    pending = models.BinaryField(
        null=True,
        help_text="A newer rotated embedding, encrypted, until a second factor confirms it.",
    )
    pending_since = models.DateTimeField(null=True)
    attempt = models.UUIDField(help_text="The liveness attempt this face was taken from.")
    frames = models.PositiveIntegerField(help_text="How many frames of it were judged.")
    created = models.DateTimeField(default=timezone.now)
    last_used = models.DateTimeField(default=timezone.now, db_index=True)

    warned = models.DateTimeField(
        null=True, blank=True, help_text="When its owner was told that it will be deleted."
    )

    def __str__(self) -> str:
        return f"Face of account {self.user_id}"

    @property
    def outdated(self) -> bool:
        """It was made by another embedder and has to be set up again."""
        return self.model_sha256 != embedder.present().sha256


class SignIn(models.Model):
    """One successful sign-in, shown to its owner. Refused ones are liveness attempts."""

    class Way(models.TextChoices):
        FACE = "face", _("Face")
        PASSWORD = "password", _("Password")
        BOTH = "both", _("Face and password")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="sign_ins")
    way = models.CharField(max_length=10, choices=Way.choices)
    client = models.CharField(max_length=64, blank=True, help_text="The truncated address.")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-at"]
        indexes = [models.Index(fields=["user", "-at"])]

    def __str__(self) -> str:
        return f"Account {self.user_id} by {self.way}"


class SignInPolicy(models.Model):
    """What a sign-in needs, for the whole site or for the members of a group. Written by ``accounts.policies`` alone."""

    class Rule(models.TextChoices):
        """From the least strict to the strictest; of several that apply to somebody, the strictest counts."""

        FACE = "face", "Face or password (for demonstrations)"
        FACE_PASSWORD = "face_password", "Face and password"
        FACE_SECOND = "face_second", "Face and a second factor"
        PASSWORD_SECOND = "password_second", "Password and a second factor"

    group = models.ForeignKey(
        Group,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Whose members it is for; nobody's: the whole site.",
    )
    rule = models.CharField(max_length=20, choices=Rule.choices, default=Rule.FACE)
    staff_pages = models.BooleanField(
        default=False,
        verbose_name="pages of the staff need a second factor",
        help_text="Review, drift, training, models, keys and this administration.",
    )
    changed = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "sign-in policy"
        verbose_name_plural = "sign-in policies"
        constraints = [
            models.UniqueConstraint(Coalesce("group", 0), name="one_policy_for_each_group")
        ]

    def __str__(self) -> str:
        return f"{self.group or 'The whole site'}: {self.get_rule_display()}"


class Budget(models.Model):
    """What is left of the attempts of one account, browser or network. Written by ``accounts.budgets`` alone."""

    class Kind(models.TextChoices):
        ACCOUNT = "account", _("Account")
        DEVICE = "device", _("Browser")
        NETWORK = "network", _("Network")

    key = models.CharField(max_length=64, unique=True, help_text="A keyed digest of whose it is.")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    failures = models.PositiveIntegerField(default=0, help_text="Failed or still running.")
    last = models.DateTimeField(null=True, blank=True, help_text="The last failure.")
    until = models.DateTimeField(null=True, blank=True, help_text="No attempt before this.")
    changed = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.key[:8]}: {self.failures}"


class Charge(models.Model):
    """Which budgets one attempt is taken from, and whether that is settled."""

    class State(models.TextChoices):
        ANNOUNCED = "announced", _("Announced")
        HELD = "held", _("Held")
        SETTLED = "settled", _("Settled")

    attempt = models.UUIDField(unique=True)
    account = models.CharField(max_length=64, blank=True, db_index=True)
    device = models.CharField(max_length=64, blank=True)
    network = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ANNOUNCED)
    created = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.attempt}: {self.state}"


class FailureNotice(models.Model):
    """The owner of an account was asked by mail whether failed attempts were theirs."""

    class Answer(models.TextChoices):
        ME = "me", _("This was me")
        NOT_ME = "not_me", _("This was not me")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notices")
    failures = models.PositiveIntegerField()
    client = models.CharField(max_length=64, blank=True, help_text="The truncated address.")
    created = models.DateTimeField(default=timezone.now)
    answer = models.CharField(max_length=10, choices=Answer.choices, blank=True)
    answered = models.DateTimeField(null=True, blank=True)
    sent = models.DateTimeField(null=True, blank=True, help_text="When it was mailed.")

    class Meta:
        ordering = ["-created"]
        indexes = [models.Index(fields=["user", "-created"])]

    def __str__(self) -> str:
        return f"Account {self.user_id}: {self.answer or 'not answered'}"


class SetupCode(models.Model):
    """What a server's log shows while nobody administers the portal; whoever reads it may become the first who does."""

    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the code.")
    created = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"Set-up code {self.digest[:8]}"
