"""Whose work counts: levels, hourly counters, blocks, reverts and alarms; reverts are append-only (docs/adr/0023)."""

import django.contrib.gis.db.models.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FORWARD = """
CREATE TRIGGER revert_item_append_only BEFORE UPDATE OR DELETE ON annotation_revertitem
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_change();

CREATE FUNCTION annotation_undo_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.undone_at IS NULL AND NEW.undone_at IS NOT NULL
       AND (to_jsonb(NEW) - 'undone_at' - 'undone_by_id' - 'undo_reason')
         = (to_jsonb(OLD) - 'undone_at' - 'undone_by_id' - 'undo_reason') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'append_only: revert % is undone once, and otherwise never changed or removed', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER revert_undone_once BEFORE UPDATE OR DELETE ON annotation_revert
    FOR EACH ROW EXECUTE FUNCTION annotation_undo_once();

-- People whose work was reviewed before keep what it earned them; campaigns without review stay as they were opened.
UPDATE annotation_campaign SET first_reviewed = 0 WHERE review_policy = 'none';

INSERT INTO annotation_standing
    (campaign_id, user_id, accepted, sent_back, gold_passed, gold_failed, level, vouched_level, updated_at)
SELECT campaign_id, author_id, accepted, sent_back, 0, 0,
       CASE WHEN accepted - sent_back >= GREATEST(30, first_reviewed) THEN 2
            WHEN accepted - sent_back >= first_reviewed THEN 1 ELSE 0 END, 0, now()
FROM (
    SELECT t.campaign_id, c.first_reviewed, v.author_id,
           count(DISTINCT v.annotation_id) FILTER (WHERE v.verdict = 'accept' AND a.state = 'accepted') AS accepted,
           count(*) FILTER (WHERE v.verdict = 'send_back') AS sent_back
    FROM annotation_review v
    JOIN annotation_annotation a ON a.id = v.annotation_id
    JOIN annotation_tile t ON t.id = a.tile_id
    JOIN annotation_campaign c ON c.id = t.campaign_id
    GROUP BY t.campaign_id, c.first_reviewed, v.author_id
) reviewed;
"""

BACKWARD = """
DROP TRIGGER revert_undone_once ON annotation_revert;
DROP FUNCTION annotation_undo_once();
DROP TRIGGER revert_item_append_only ON annotation_revertitem;
-- Work that counts for nothing must not begin to count again by going back.
UPDATE annotation_annotation SET state = 'sent_back' WHERE state = 'reverted';
"""


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0008_gold'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='campaign',
            name='first_reviewed',
            field=models.PositiveSmallIntegerField(default=3),
        ),
        migrations.AddField(
            model_name='contributor',
            name='blocked_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='contributor',
            name='blocked_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='contributor',
            name='blocked_reason',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AlterField(
            model_name='annotation',
            name='state',
            field=models.CharField(choices=[('draft', 'being drawn'), ('submitted', 'waiting for review'), ('sent_back', 'sent back'), ('accepted', 'accepted'), ('reverted', 'set aside')], default='draft', max_length=10),
        ),
        migrations.CreateModel(
            name='Revert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateTimeField(blank=True, null=True)),
                ('until', models.DateTimeField(blank=True, null=True)),
                ('area', django.contrib.gis.db.models.fields.PolygonField(blank=True, null=True, srid=4326)),
                ('blocks', models.BooleanField(default=False)),
                ('reason', models.CharField(max_length=500)),
                ('made_at', models.DateTimeField(auto_now_add=True)),
                ('undone_at', models.DateTimeField(blank=True, null=True)),
                ('undo_reason', models.CharField(blank=True, max_length=500)),
                ('account', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reverts', to=settings.AUTH_USER_MODEL)),
                ('campaign', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reverts', to='annotation.campaign')),
                ('made_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('undone_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='RevertItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('labels', 'labels of a tile'), ('verdicts', "answers on a model's drawing"), ('review', "review of somebody's labels"), ('report', 'report of unusable imagery')], max_length=8)),
                ('state_before', models.CharField(blank=True, max_length=12)),
                ('decided_before', models.DateTimeField(null=True)),
                ('annotation', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.annotation')),
                ('batch', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.validationbatch')),
                ('lease', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.lease')),
                ('revert', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='items', to='annotation.revert')),
                ('review', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.review')),
                ('ticket', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.ticket')),
                ('tile', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.tile')),
            ],
        ),
        migrations.CreateModel(
            name='Standing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('level', models.PositiveSmallIntegerField(choices=[(0, 'newcomer'), (1, 'regular contributor'), (2, 'trusted contributor')], default=0)),
                ('accepted', models.PositiveIntegerField(default=0)),
                ('sent_back', models.PositiveIntegerField(default=0)),
                ('gold_passed', models.PositiveIntegerField(default=0)),
                ('gold_failed', models.PositiveIntegerField(default=0)),
                ('vouched_level', models.PositiveSmallIntegerField(choices=[(0, 'newcomer'), (1, 'regular contributor'), (2, 'trusted contributor')], default=0)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('campaign', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='standings', to='annotation.campaign')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='standings', to=settings.AUTH_USER_MODEL)),
                ('vouched_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='TrustAlarm',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('copy', "labels nearly equal to somebody else's"), ('one_class', 'one class on nearly everything'), ('speed', 'far faster than others'), ('gold', 'fails tiles whose labels are known')], max_length=10)),
                ('evidence', models.JSONField()),
                ('opened_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('resolved_at', models.DateTimeField(blank=True, null=True)),
                ('resolution', models.CharField(blank=True, choices=[('dismissed', 'looked at, nothing wrong'), ('reverted', 'account blocked, work set aside')], max_length=10)),
                ('note', models.CharField(blank=True, max_length=500)),
                ('campaign', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alarms', to='annotation.campaign')),
                ('resolved_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('revert', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='alarms', to='annotation.revert')),
                ('subject', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alarms', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-opened_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='HourlyUse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('action', models.CharField(choices=[('claim', 'Claim'), ('save', 'Save'), ('submit', 'Submit'), ('verdict', 'Verdict'), ('review', 'Review')], max_length=8)),
                ('used', models.PositiveIntegerField()),
                ('since', models.DateTimeField()),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'action'), name='hourly_use_one_an_action')],
            },
        ),
        migrations.CreateModel(
            name='LabelComparison',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('differing', models.FloatField(null=True)),
                ('classes', models.PositiveSmallIntegerField()),
                ('first', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.annotationrevision')),
                ('second', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.annotationrevision')),
                ('tile', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='annotation.tile')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('first', 'second'), name='comparison_once_two_revisions'), models.CheckConstraint(condition=models.Q(('first__lt', models.F('second'))), name='comparison_in_order')],
            },
        ),
        migrations.AddConstraint(
            model_name='revert',
            constraint=models.CheckConstraint(condition=models.Q(('account__isnull', False), ('campaign__isnull', False), _connector='OR'), name='revert_has_a_scope'),
        ),
        migrations.AddConstraint(
            model_name='revert',
            constraint=models.CheckConstraint(condition=models.Q(('blocks', False), ('account__isnull', False), _connector='OR'), name='revert_blocks_somebody'),
        ),
        migrations.AddConstraint(
            model_name='revertitem',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'labels')), fields=('revert', 'annotation'), name='revert_labels_once'),
        ),
        migrations.AddConstraint(
            model_name='revertitem',
            constraint=models.UniqueConstraint(fields=('revert', 'batch'), name='revert_batch_once'),
        ),
        migrations.AddConstraint(
            model_name='revertitem',
            constraint=models.UniqueConstraint(fields=('revert', 'review'), name='revert_review_once'),
        ),
        migrations.AddConstraint(
            model_name='revertitem',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('annotation__isnull', False), ('batch__isnull', True), ('kind', 'labels'), ('review__isnull', True)), models.Q(('annotation__isnull', True), ('batch__isnull', False), ('kind', 'verdicts'), ('review__isnull', True)), models.Q(('annotation__isnull', False), ('batch__isnull', True), ('kind', 'review'), ('review__isnull', False)), models.Q(('annotation__isnull', True), ('batch__isnull', True), ('kind', 'report'), ('lease__isnull', False), ('review__isnull', True)), _connector='OR'), name='revert_item_is_of_its_kind'),
        ),
        migrations.AddIndex(
            model_name='standing',
            index=models.Index(fields=['user', '-level'], name='standing_highest'),
        ),
        migrations.AddConstraint(
            model_name='standing',
            constraint=models.UniqueConstraint(fields=('campaign', 'user'), name='standing_one_a_person'),
        ),
        migrations.AddConstraint(
            model_name='trustalarm',
            constraint=models.UniqueConstraint(condition=models.Q(('resolved_at__isnull', True)), fields=('campaign', 'subject', 'kind'), name='alarm_one_open_a_kind'),
        ),
        migrations.AddConstraint(
            model_name='trustalarm',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('resolution', ''), ('resolved_at__isnull', True)), models.Q(('resolved_at__isnull', False), models.Q(('resolution', ''), _negated=True)), _connector='OR'), name='alarm_resolved_somehow'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
