import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_notice_sent")]
    operations = [
        migrations.AddField(
            "consent",
            "purpose",
            models.CharField(
                choices=[
                    ("signin", "Signing in with the face"),
                    ("evidence", "Pictures of attempts that did not succeed"),
                    ("training", "Training"),
                ],
                db_default="signin",
                default="signin",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            "consent",
            "training",
            models.BooleanField(
                default=False,
                help_text="The purpose is training; for the version before, which reads it.",
            ),
        ),
        migrations.AlterModelOptions("consent", options={"ordering": ["-given", "-pk"]}),
        migrations.RemoveConstraint("consent", "one_consent_in_force"),
        migrations.AddConstraint(
            "consent",
            models.UniqueConstraint(
                condition=models.Q(("withdrawn__isnull", True)),
                fields=("user", "purpose"),
                name="one_consent_in_force_a_purpose",
            ),
        ),
        migrations.CreateModel(
            "ConsentText",
            [
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                (
                    "purpose",
                    models.CharField(
                        help_text="Empty: all in one, as before 2026-3.", max_length=10
                    ),
                ),
                ("version", models.CharField(max_length=20)),
                ("text", models.TextField()),
                (
                    "shown",
                    models.DateTimeField(
                        default=django.utils.timezone.now, help_text="Since when."
                    ),
                ),
            ],
        ),
    ]
