"""Gold tiles, what people handed in on them, and how far people agree; the database guards what gold is."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


FORWARD = """
CREATE FUNCTION annotation_guard_gold() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found_role text;
BEGIN
    SELECT role INTO found_role FROM annotation_tile WHERE id = NEW.tile_id;
    IF found_role IS DISTINCT FROM 'pool' THEN
        RAISE EXCEPTION 'gold_outside_pool: tile % is %, gold tiles are pool tiles', NEW.tile_id, found_role
            USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM annotation_annotationrevision r JOIN annotation_annotation a ON a.id = r.annotation_id
        WHERE r.id = NEW.revision_id AND a.tile_id = NEW.tile_id
    ) THEN
        RAISE EXCEPTION 'revision_of_other_tile: revision % does not label tile %', NEW.revision_id, NEW.tile_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER gold_pool_only BEFORE INSERT ON annotation_goldtile
    FOR EACH ROW EXECUTE FUNCTION annotation_guard_gold();

-- A row says that the tile was gold once: without it the tile could train a model.
CREATE FUNCTION annotation_keep_gold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.tile_id <> OLD.tile_id OR NEW.revision_id <> OLD.revision_id
       OR (OLD.retired_at IS NOT NULL AND NEW.retired_at IS DISTINCT FROM OLD.retired_at) THEN
        RAISE EXCEPTION 'gold_is_kept: a gold tile is retired, never changed or removed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER gold_is_kept BEFORE UPDATE OR DELETE ON annotation_goldtile
    FOR EACH ROW EXECUTE FUNCTION annotation_keep_gold();

CREATE TRIGGER gold_outcome_append_only BEFORE UPDATE OR DELETE ON annotation_goldoutcome
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_change();
"""

BACKWARD = """
DROP TRIGGER gold_outcome_append_only ON annotation_goldoutcome;
DROP TRIGGER gold_is_kept ON annotation_goldtile;
DROP FUNCTION annotation_keep_gold();
DROP TRIGGER gold_pool_only ON annotation_goldtile;
DROP FUNCTION annotation_guard_gold();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0007_queue_marks'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='campaign',
            name='gold_share',
            field=models.FloatField(default=0.1),
        ),
        migrations.AddConstraint(
            model_name='campaign',
            constraint=models.CheckConstraint(condition=models.Q(('gold_share__gte', 0), ('gold_share__lte', 0.5)), name='campaign_gold_share_at_most_half'),
        ),
        migrations.CreateModel(
            name='GoldTile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('marked_at', models.DateTimeField(auto_now_add=True)),
                ('note', models.CharField(blank=True, max_length=500)),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
                ('faulty', models.BooleanField(default=False)),
                ('marked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('revision', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.annotationrevision')),
                ('tile', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='golds', to='annotation.tile')),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [
                    models.UniqueConstraint(condition=models.Q(('retired_at__isnull', True)), fields=('tile',), name='gold_one_reference_a_tile'),
                    models.CheckConstraint(condition=models.Q(('faulty', False), ('retired_at__isnull', False), _connector='OR'), name='gold_faulty_retires'),
                ],
            },
        ),
        migrations.CreateModel(
            name='GoldLease',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('why', models.JSONField()),
                ('given_at', models.DateTimeField(auto_now_add=True)),
                ('gold', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='leases', to='annotation.goldtile')),
                ('lease', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='gold', to='annotation.lease')),
            ],
        ),
        migrations.CreateModel(
            name='GoldOutcome',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('confusion', models.JSONField()),
                ('agreement', models.FloatField(null=True)),
                ('passed', models.BooleanField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('annotator', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='gold_outcomes', to=settings.AUTH_USER_MODEL)),
                ('gold', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='outcomes', to='annotation.goldtile')),
                ('revision', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.annotationrevision')),
            ],
            options={
                'indexes': [models.Index(fields=['annotator', 'gold', 'id'], name='gold_outcome_of_person')],
                'constraints': [models.UniqueConstraint(fields=('gold', 'revision'), name='gold_outcome_once_a_revision')],
            },
        ),
        migrations.CreateModel(
            name='TileAgreement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('revision_ids', models.JSONField()),
                ('n_people', models.PositiveSmallIntegerField()),
                ('compared_px', models.PositiveIntegerField()),
                ('differing_px', models.PositiveIntegerField()),
                ('alpha', models.FloatField(null=True)),
                ('totals', models.JSONField()),
                ('agreeing', models.FloatField()),
                ('pairs', models.JSONField()),
                ('people', models.JSONField()),
                ('staple_differs_px', models.PositiveIntegerField()),
                ('computed_at', models.DateTimeField(auto_now=True)),
                ('tile', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='agreement', to='annotation.tile')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('differing_px__lte', models.F('compared_px')), ('n_people__gte', 2)), name='tile_agreement_sane')],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
