"""Corrections, second opinions, marks, and what orders the review."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0012_queue_offers'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Correction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1)),
                ('features', models.JSONField()),
                ('operation_id', models.UUIDField()),
                ('saved_at', models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.CreateModel(
            name='SecondOpinion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('comment', models.TextField(max_length=2000)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['created_at'],
            },
        ),
        migrations.CreateModel(
            name='SubmissionCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('against_map', models.FloatField(null=True)),
                ('against_people', models.FloatField(null=True)),
                ('model_version', models.CharField(blank=True, max_length=120)),
                ('checked_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='review',
            name='review_send_back_has_reason',
        ),
        migrations.AddField(
            model_name='review',
            name='corrected',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.annotationrevision'),
        ),
        migrations.AddField(
            model_name='review',
            name='marks',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AlterField(
            model_name='review',
            name='verdict',
            field=models.CharField(choices=[('accept', 'accepted'), ('correct', 'corrected and accepted'), ('send_back', 'sent back')], max_length=10),
        ),
        migrations.AddConstraint(
            model_name='review',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('verdict', 'send_back'), _negated=True), models.Q(('reason', ''), _negated=True), _connector='OR'), name='review_send_back_has_reason'),
        ),
        migrations.AddConstraint(
            model_name='review',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('corrected__isnull', False), ('verdict', 'correct')), models.Q(models.Q(('verdict', 'correct'), _negated=True), ('corrected__isnull', True)), _connector='OR'), name='review_correction_has_revision'),
        ),
        migrations.AddField(
            model_name='correction',
            name='reviewer',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='correction',
            name='revision',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='corrections', to='annotation.annotationrevision'),
        ),
        migrations.AddField(
            model_name='secondopinion',
            name='annotation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='second_opinions', to='annotation.annotation'),
        ),
        migrations.AddField(
            model_name='secondopinion',
            name='asked_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='secondopinion',
            name='disputes',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='annotation.review'),
        ),
        migrations.AddField(
            model_name='secondopinion',
            name='revision',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='second_opinions', to='annotation.annotationrevision'),
        ),
        migrations.AddField(
            model_name='submissioncheck',
            name='revision',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='check_up', to='annotation.annotationrevision'),
        ),
        migrations.AddConstraint(
            model_name='correction',
            constraint=models.UniqueConstraint(fields=('revision', 'reviewer'), name='correction_one_a_reviewer'),
        ),
        migrations.AddConstraint(
            model_name='secondopinion',
            constraint=models.UniqueConstraint(fields=('revision', 'asked_by'), name='second_opinion_once_a_revision'),
        ),
        migrations.AlterField(
            model_name='lease',
            name='comment',
            field=models.CharField(blank=True, max_length=1000),
        ),
    ]
