from django.db import migrations, models
from django.db.models import F


def were_sent(apps, editor):
    """Notices from before this field are not mailed a second time."""
    apps.get_model("accounts", "FailureNotice").objects.update(sent=F("created"))


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0004_renewal"),
    ]

    operations = [
        migrations.AddField(
            model_name="failurenotice",
            name="sent",
            field=models.DateTimeField(
                blank=True, help_text="When it was mailed.", null=True
            ),
        ),
        migrations.RunPython(were_sent, migrations.RunPython.noop),
    ]
