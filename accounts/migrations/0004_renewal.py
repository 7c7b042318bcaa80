from django.db import migrations, models

SFACE = "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_notices")]
    operations = [
        migrations.AddField(
            "facetemplate",
            "model_sha256",
            models.CharField(
                default=SFACE,
                help_text="Digest of the embedder; a face of another one matches nobody.",
                max_length=64,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "facetemplate",
            "pending",
            models.BinaryField(
                help_text="A newer rotated embedding, encrypted, until a second factor confirms it.",
                null=True,
            ),
        ),
        migrations.AddField("facetemplate", "pending_since", models.DateTimeField(null=True)),
    ]
