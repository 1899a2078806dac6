"""Verdicts on a model's polygons: only ever added, and only on pool tiles; a lease has a purpose."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


FORWARD = """
CREATE TRIGGER validation_append_only BEFORE UPDATE OR DELETE ON annotation_validation
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_change();

CREATE TRIGGER validation_batch_append_only BEFORE UPDATE OR DELETE ON annotation_validationbatch
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_change();

CREATE FUNCTION annotation_judge_pool_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found_role text;
BEGIN
    SELECT role INTO found_role FROM annotation_tile WHERE id = NEW.tile_id;
    IF found_role IS DISTINCT FROM 'pool' THEN
        RAISE EXCEPTION 'validation_of_control_tile: tile % is %, a drawing is judged on pool tiles only', NEW.tile_id, found_role
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER validation_pool_only BEFORE INSERT ON annotation_validationbatch
    FOR EACH ROW EXECUTE FUNCTION annotation_judge_pool_only();

CREATE TRIGGER validation_pool_only BEFORE INSERT ON annotation_validation
    FOR EACH ROW EXECUTE FUNCTION annotation_judge_pool_only();
"""

BACKWARD = """
DROP TRIGGER validation_pool_only ON annotation_validation;
DROP TRIGGER validation_pool_only ON annotation_validationbatch;
DROP FUNCTION annotation_judge_pool_only();
DROP TRIGGER validation_batch_append_only ON annotation_validationbatch;
DROP TRIGGER validation_append_only ON annotation_validation;
-- One lease a person a tile is the rule before: those to judge go, with the verdicts.
DELETE FROM annotation_lease WHERE purpose = 'validate';
"""


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0004_blind_tiles_and_imagery_seen'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Validation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('model_version', models.CharField(max_length=120)),
                ('feature_id', models.CharField(max_length=40)),
                ('shown_class', models.CharField(max_length=60)),
                ('rings', models.JSONField()),
                ('shown_sha256', models.CharField(max_length=64)),
                ('confidence', models.FloatField()),
                ('verdict', models.CharField(choices=[('agree', 'the class is right'), ('disagree', 'the class is wrong'), ('unsure', 'cannot tell'), ('other', 'another class is right')], max_length=10)),
                ('class_code', models.CharField(blank=True, max_length=60)),
                ('seconds', models.FloatField()),
                ('licence', models.CharField(max_length=30)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='ValidationBatch',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False)),
                ('model_version', models.CharField(max_length=120)),
                ('finished', models.BooleanField()),
                ('answer', models.JSONField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='lease',
            name='lease_one_a_person_a_tile',
        ),
        migrations.AddField(
            model_name='lease',
            name='purpose',
            field=models.CharField(choices=[('draw', 'Draw'), ('validate', 'Validate')], default='draw', max_length=8),
        ),
        migrations.AddConstraint(
            model_name='lease',
            constraint=models.UniqueConstraint(fields=('tile', 'annotator', 'purpose'), name='lease_one_a_person_a_tile'),
        ),
        migrations.AddConstraint(
            model_name='lease',
            constraint=models.UniqueConstraint(condition=models.Q(('purpose', 'validate'), ('state', 'active')), fields=('tile',), name='lease_one_validates_a_tile'),
        ),
        migrations.AddConstraint(
            model_name='lease',
            constraint=models.CheckConstraint(condition=models.Q(('purpose', 'draw'), ('ticket__isnull', True), _connector='OR'), name='lease_ticket_to_draw'),
        ),
        migrations.AddField(
            model_name='validation',
            name='annotator',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='validations', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='validation',
            name='tile',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='validations', to='annotation.tile'),
        ),
        migrations.AddField(
            model_name='validationbatch',
            name='annotator',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='validationbatch',
            name='tile',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='validation_batches', to='annotation.tile'),
        ),
        migrations.AddField(
            model_name='validation',
            name='batch',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='validations', to='annotation.validationbatch'),
        ),
        migrations.AddIndex(
            model_name='validationbatch',
            index=models.Index(condition=models.Q(('finished', True)), fields=['tile', 'model_version', 'annotator'], name='validation_finished'),
        ),
        migrations.AddIndex(
            model_name='validation',
            index=models.Index(fields=['tile', 'annotator', 'model_version', 'feature_id', '-id'], name='validation_current'),
        ),
        migrations.AddIndex(
            model_name='validation',
            index=models.Index(fields=['annotator'], name='validation_mine'),
        ),
        migrations.AddConstraint(
            model_name='validation',
            constraint=models.UniqueConstraint(fields=('batch', 'feature_id'), name='validation_once_a_batch'),
        ),
        migrations.AddConstraint(
            model_name='validation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('class_code', models.F('shown_class')), ('verdict', 'agree')), models.Q(('verdict', 'other'), models.Q(('class_code', ''), _negated=True), models.Q(('class_code', models.F('shown_class')), _negated=True)), models.Q(('class_code', ''), ('verdict__in', ['disagree', 'unsure'])), _connector='OR'), name='validation_class_follows_verdict'),
        ),
        migrations.AddConstraint(
            model_name='validation',
            constraint=models.CheckConstraint(condition=models.Q(('confidence__gte', 0), ('confidence__lte', 1), ('seconds__gte', 0)), name='validation_figures_sane'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
