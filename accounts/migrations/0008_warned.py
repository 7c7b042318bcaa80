from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_split_consents")]
    operations = [
        migrations.AddField(
            "facetemplate",
            "warned",
            models.DateTimeField(
                blank=True, help_text="When its owner was told that it will be deleted.", null=True
            ),
        ),
    ]
