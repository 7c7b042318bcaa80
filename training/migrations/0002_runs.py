import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('liveness', '0001_initial'),
        ('training', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='trainingrun',
            name='attempts',
            field=models.JSONField(blank=True, default=list, help_text='Id, label and digest of each reviewed attempt.'),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='base',
            field=models.JSONField(blank=True, default=list, help_text="Each data set's name, path and digest, as requested."),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='copies_digest',
            field=models.CharField(blank=True, max_length=64, verbose_name='SHA-256 of the manifest that is trained on'),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='heartbeat',
            field=models.DateTimeField(default=django.utils.timezone.now, help_text='The last sign of life of its worker, or of its queue.'),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='history',
            field=models.JSONField(blank=True, default=list, help_text='One row an epoch.'),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='model',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='training_runs', to='liveness.modelversion'),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='progress',
            field=models.JSONField(blank=True, default=dict, help_text='Epoch, loss, time left.'),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='recipe',
            field=models.CharField(blank=True, help_text='A name of training.recipes.', max_length=40),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='scheduled',
            field=models.BooleanField(default=False, help_text='Asked for by the clock, by nobody.'),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='tries',
            field=models.PositiveSmallIntegerField(default=0, help_text='How often a worker claimed it.'),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='worker',
            field=models.CharField(blank=True, help_text='Token of the worker that has it; only that one may write.', max_length=32),
        ),
        migrations.AlterField(
            model_name='trainingrun',
            name='data_digest',
            field=models.CharField(max_length=64, verbose_name='SHA-256 of all that was requested'),
        ),
        migrations.AddIndex(
            model_name='trainingrun',
            index=models.Index(fields=['state', 'heartbeat'], name='training_run_signs'),
        ),
        migrations.AddConstraint(
            model_name='trainingrun',
            constraint=models.UniqueConstraint(condition=models.Q(('scheduled', True), ('state__in', ['queued', 'running'])), fields=('scheduled',), name='one_open_scheduled_run'),
        ),
    ]
