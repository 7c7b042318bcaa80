import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("liveness", "0003_registry"),
    ]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="measures",
            field=models.JSONField(
                blank=True,
                help_text="Light, face size and share of unjudged frames.",
                null=True,
            ),
        ),
        migrations.CreateModel(
            name="DriftReference",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since", models.DateTimeField()),
                ("sample", models.JSONField(blank=True, null=True)),
                ("frozen", models.DateTimeField(blank=True, null=True)),
                ("model", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="drift_references", to="liveness.modelversion")),
                ("started_by", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "ordering": ["-since", "-pk"],
                "constraints": [models.UniqueConstraint(fields=("model", "since"), name="one_drift_reference_a_moment")],
            },
        ),
        migrations.CreateModel(
            name="DriftReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("created", models.DateTimeField(default=django.utils.timezone.now)),
                ("data", models.JSONField(default=dict)),
                ("told", models.JSONField(blank=True, default=list)),
                ("alarmed", models.DateTimeField(blank=True, null=True)),
                ("model", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="drift_reports", to="liveness.modelversion")),
            ],
            options={
                "ordering": ["-day", "-pk"],
                "constraints": [models.UniqueConstraint(fields=("model", "day"), name="one_drift_report_a_day")],
            },
        ),
    ]
