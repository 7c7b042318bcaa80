import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def keep_figures(apps, schema_editor):
    """Models that are on record already get the figures of their manifests."""
    for model in apps.get_model("liveness", "ModelVersion").objects.all():
        model.metrics = model.manifest.get("figures") or {}
        data = model.manifest.get("data") or {}
        model.data_digest = str(data.get("sha256", ""))[:64]
        model.save(update_fields=["metrics", "data_digest"])


class Migration(migrations.Migration):

    dependencies = [
        ('liveness', '0002_review'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ModelEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('text', models.TextField()),
            ],
            options={
                'ordering': ['-at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='ServingReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('replica', models.CharField(help_text='Host name and process id.', max_length=150, unique=True)),
                ('serving', models.CharField(blank=True, help_text='SHA-256; empty: none.', max_length=64)),
                ('wanted', models.CharField(blank=True, help_text='SHA-256 of the active model.', max_length=64)),
                ('problem', models.TextField(blank=True)),
                ('updated', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['replica'],
            },
        ),
        migrations.AddField(
            model_name='attempt',
            name='shadow',
            field=models.JSONField(blank=True, help_text='What the shadow model would have said.', null=True),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='approved_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='asked_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='data_digest',
            field=models.CharField(blank=True, help_text='SHA-256 of the data it was trained on.', max_length=64),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='gate',
            field=models.JSONField(blank=True, default=dict, help_text='The last gate: passed, champion (SHA-256), at, reasons.'),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='metrics',
            field=models.JSONField(default=dict, help_text='The figures its manifest names.'),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='notes',
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='parent',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='children', to='liveness.modelversion'),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='retired',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='shadow',
            field=models.BooleanField(default=False, help_text='Scores attempts without deciding.'),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='trained_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='modelversion',
            name='location',
            field=models.CharField(blank=True, help_text='Folder in the storage of bundles; empty: the default bundle.', max_length=500),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=models.UniqueConstraint(condition=models.Q(('shadow', True)), fields=('shadow',), name='one_shadow_model'),
        ),
        migrations.AddField(
            model_name='modelevent',
            name='by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='modelevent',
            name='model',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='liveness.modelversion'),
        ),
        migrations.RunPython(keep_figures, migrations.RunPython.noop, elidable=True),
    ]
