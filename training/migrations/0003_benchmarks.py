import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('liveness', '0003_registry'),
        ('training', '0002_runs'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Benchmark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60, unique=True)),
                ('manifest', models.CharField(help_text='Path of a manifest CSV.', max_length=500)),
                ('split', models.CharField(blank=True, help_text='Only rows of this split; empty: all.', max_length=20)),
                ('digest', models.CharField(max_length=64, verbose_name='SHA-256 of the manifest')),
                ('files', models.JSONField(default=dict, help_text='SHA-256 of every frame, by its path.')),
                ('counts', models.JSONField(default=dict, help_text='Frames of each camera and class.')),
                ('created', models.DateTimeField(default=django.utils.timezone.now)),
                ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['created', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='GateReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('candidate', models.CharField(max_length=64, verbose_name='SHA-256 of the candidate')),
                ('champion', models.CharField(blank=True, max_length=64, verbose_name='SHA-256 of the champion')),
                ('champion_name', models.CharField(blank=True, max_length=100)),
                ('passed', models.BooleanField()),
                ('reasons', models.JSONField(default=list)),
                ('report', models.JSONField(default=dict)),
                ('plot', models.BinaryField(blank=True, default=b'', help_text='PNG.')),
                ('plot_alt', models.TextField(blank=True)),
                ('created', models.DateTimeField(default=django.utils.timezone.now)),
                ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('model', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='gate_reports', to='liveness.modelversion')),
            ],
            options={
                'ordering': ['-created', '-pk'],
            },
        ),
    ]
