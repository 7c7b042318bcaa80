import django.db.models.deletion
from django.db import migrations, models

LABELS = [
    ("", "Not reviewed"),
    ("live", "Live"),
    ("print", "Print"),
    ("screen", "Screen"),
    ("mask", "Mask"),
    ("unusable", "Unusable"),
]


class Migration(migrations.Migration):
    dependencies = [("liveness", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="camera",
            field=models.CharField(
                blank=True,
                default="",
                help_text="What the browser says of its camera; unproven.",
                max_length=100,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="attempt",
            name="sampled",
            field=models.BooleanField(
                default=False, help_text="A bona fide attempt whose pictures are kept for review."
            ),
        ),
        migrations.AddField(
            model_name="attempt",
            name="disputed",
            field=models.BooleanField(default=False, help_text="Its reviewers disagree."),
        ),
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(fields=["camera", "-created"], name="attempt_camera"),
        ),
        migrations.RemoveConstraint(model_name="evidence", name="one_frame_of_each_kind"),
        migrations.AlterField(
            model_name="evidence",
            name="kind",
            field=models.CharField(
                choices=[
                    ("best", "Highest score"),
                    ("worst", "Lowest score"),
                    ("sequence", "Playback"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=models.UniqueConstraint(
                fields=("attempt", "kind", "at"), name="one_frame_of_each_kind_and_time"
            ),
        ),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind__in", ["best", "worst"])),
                fields=("attempt", "kind"),
                name="one_best_and_one_worst_frame",
            ),
        ),
        migrations.AlterField(
            model_name="review",
            name="label",
            field=models.CharField(blank=True, choices=LABELS, max_length=10),
        ),
        migrations.AddField(
            model_name="review",
            name="undoes",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="undone_by",
                to="liveness.review",
            ),
        ),
    ]
