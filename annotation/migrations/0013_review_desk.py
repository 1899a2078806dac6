"""Corrections, second opinions, marks, and what orders the review."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


FORWARD = """
-- Rows stay as they were given, but for names in these columns once the account they name is deleted.
CREATE FUNCTION annotation_keep_all_but() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('solcommun.erasing', true) = 'on'
       AND to_jsonb(NEW) - TG_ARGV::text[] = to_jsonb(OLD) - TG_ARGV::text[] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'append_only: a row of % is never changed or removed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

DROP TRIGGER review_append_only ON annotation_review;
DROP FUNCTION annotation_keep_review();
CREATE TRIGGER review_append_only BEFORE UPDATE OR DELETE ON annotation_review
    FOR EACH ROW EXECUTE FUNCTION annotation_keep_all_but('comment', 'marks');
DROP TRIGGER report_event_append_only ON annotation_reportevent;
CREATE TRIGGER report_event_append_only BEFORE UPDATE OR DELETE ON annotation_reportevent
    FOR EACH ROW EXECUTE FUNCTION annotation_keep_all_but('words');
CREATE TRIGGER second_opinion_append_only BEFORE UPDATE OR DELETE ON annotation_secondopinion
    FOR EACH ROW EXECUTE FUNCTION annotation_keep_all_but('comment');
"""

BACKWARD = """
DROP TRIGGER second_opinion_append_only ON annotation_secondopinion;
DROP TRIGGER report_event_append_only ON annotation_reportevent;
CREATE TRIGGER report_event_append_only BEFORE UPDATE OR DELETE ON annotation_reportevent
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_change();
CREATE FUNCTION annotation_keep_review() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('solcommun.erasing', true) = 'on'
       AND to_jsonb(NEW) - 'comment' = to_jsonb(OLD) - 'comment' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'append_only: a row of % is never changed or removed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
DROP TRIGGER review_append_only ON annotation_review;
CREATE TRIGGER review_append_only BEFORE UPDATE OR DELETE ON annotation_review
    FOR EACH ROW EXECUTE FUNCTION annotation_keep_review();
DROP FUNCTION annotation_keep_all_but();
"""


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
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
