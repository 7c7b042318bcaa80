"""One consent to a text about all becomes one a purpose. Nobody loses or gains one: version, digest and times stay.

Up to here the text about signing in said that pictures of refused attempts are kept; training was a tick of its own.
"""

import hashlib

from django.conf import settings
from django.db import migrations

_TEXT = """What is stored
128 numbers that describe your face, scrambled with a secret of your own and then encrypted. The pictures from your camera are thrown away as soon as you have been recognised, unless you agree to the second question below.

What if I am refused?
When an attempt does not succeed, up to two pictures of it and eight small ones are kept, encrypted, so that a person can review the decision. They are deleted after {evidence} days; time and outcome of the attempt after {attempts} days.

What it is used for
Only to let you in here. Nobody searches for you by your face, and nothing is passed on.

How long
Until you delete your face, withdraw this consent or delete your account. Each of these works at once. A face that has not been used for three years is deleted.

How to take it back
On your account page, with two clicks, at any time. Taking it back is as easy as giving it.

Do I have to?
No. Your password opens the same door and gives you the same account. You lose nothing by not showing your face.

I agree that Livegate stores and compares the numbers of my face to sign me in.

Pictures of my refused attempts, and of a few that succeeded, may also be kept as long, be reviewed by a person and help to train the liveness check. This is separate, and you can say no."""


def split(apps, schema_editor):
    Consent = apps.get_model("accounts", "Consent")
    for row in list(Consent.objects.filter(purpose="signin").order_by("pk")):
        purposes = ["evidence", "training"] if row.training else ["evidence"]
        Consent.objects.filter(pk=row.pk).update(training=False)
        for purpose in purposes:
            Consent.objects.create(
                user_id=row.user_id,
                purpose=purpose,
                version=row.version,
                digest=row.digest,
                training=purpose == "training",
                given=row.given,
                withdrawn=row.withdrawn,
            )
    _keep_text(apps, Consent)


def _keep_text(apps, Consent):
    """The words themselves, where they are still those that people were shown."""
    text = _TEXT.format(
        evidence=settings.LIVENESS_EVIDENCE_DAYS, attempts=settings.LIVENESS_ATTEMPT_DAYS
    )
    digest = hashlib.sha256(text.encode()).hexdigest()
    if Consent.objects.filter(digest=digest).exists():
        values = {"purpose": "", "version": "2026-2", "text": text}
        apps.get_model("accounts", "ConsentText").objects.update_or_create(
            digest=digest, defaults=values
        )


def join(apps, schema_editor):
    """Back to one row: the tick for training returns to the consent it was given with, or to the one in force."""
    Consent = apps.get_model("accounts", "Consent")
    for row in Consent.objects.filter(purpose="training"):
        same = Consent.objects.filter(user_id=row.user_id, purpose="signin")
        same = same.filter(withdrawn=row.withdrawn) if row.withdrawn else same.filter(withdrawn__isnull=True)
        same.update(training=True)
    Consent.objects.exclude(purpose="signin").delete()


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_purposes")]
    operations = [migrations.RunPython(split, join)]
