"""Questions about change between two vintages, their answers, and patches of older vintages."""

import annotation.models.annotations
import django.contrib.gis.db.models.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


FORWARD = """
CREATE FUNCTION annotation_change_answer_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.taken_back_at IS NULL AND NEW.taken_back_at IS NOT NULL
       AND (to_jsonb(NEW) - 'taken_back_at') = (to_jsonb(OLD) - 'taken_back_at') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'append_only: change answer % is taken back once, and otherwise never changed or removed', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER change_answer_append_only BEFORE UPDATE OR DELETE ON annotation_changeanswer
    FOR EACH ROW EXECUTE FUNCTION annotation_change_answer_stays();

CREATE TRIGGER change_review_append_only BEFORE UPDATE OR DELETE ON annotation_changereview
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_change();

CREATE FUNCTION annotation_patch_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.withdrawn_at IS NULL AND NEW.withdrawn_at IS NOT NULL
       AND (to_jsonb(NEW) - 'withdrawn_at') = (to_jsonb(OLD) - 'withdrawn_at') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'append_only: patch % is withdrawn once, and otherwise never changed or removed', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER patch_append_only BEFORE UPDATE OR DELETE ON annotation_patch
    FOR EACH ROW EXECUTE FUNCTION annotation_patch_stays();

CREATE FUNCTION annotation_change_cell_keeps_ground() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(NEW) - 'state' - 'verdict' - 'first_truth' - 'second_truth' - 'decided_at')
       <> (to_jsonb(OLD) - 'state' - 'verdict' - 'first_truth' - 'second_truth' - 'decided_at') THEN
        RAISE EXCEPTION 'change_cell_is_final: the ground and the classes of cell % stay as they were asked', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER change_cell_keeps_ground BEFORE UPDATE ON annotation_changecell
    FOR EACH ROW EXECUTE FUNCTION annotation_change_cell_keeps_ground();

CREATE FUNCTION annotation_change_pool_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found_role text;
BEGIN
    SELECT role INTO found_role FROM annotation_tile WHERE id = NEW.tile_id;
    IF found_role IS DISTINCT FROM 'pool' THEN
        RAISE EXCEPTION 'change_on_control_tile: tile % is %, change is asked about on pool tiles only', NEW.tile_id, found_role
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER change_pool_only BEFORE INSERT ON annotation_changecell
    FOR EACH ROW EXECUTE FUNCTION annotation_change_pool_only();

CREATE TRIGGER change_pool_only BEFORE INSERT ON annotation_changeticket
    FOR EACH ROW EXECUTE FUNCTION annotation_change_pool_only();

CREATE FUNCTION annotation_change_review_of_others() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM annotation_changeanswer
        WHERE cell_id = NEW.cell_id AND annotator_id = NEW.reviewer_id AND taken_back_at IS NULL
    ) THEN
        RAISE EXCEPTION 'change_review_of_own: % answered cell % and does not review it', NEW.reviewer_id, NEW.cell_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER change_review_of_others BEFORE INSERT ON annotation_changereview
    FOR EACH ROW EXECUTE FUNCTION annotation_change_review_of_others();
"""

BACKWARD = """
DROP TRIGGER change_review_of_others ON annotation_changereview;
DROP FUNCTION annotation_change_review_of_others();
DROP TRIGGER change_pool_only ON annotation_changeticket;
DROP TRIGGER change_pool_only ON annotation_changecell;
DROP FUNCTION annotation_change_pool_only();
DROP TRIGGER change_cell_keeps_ground ON annotation_changecell;
DROP FUNCTION annotation_change_cell_keeps_ground();
DROP TRIGGER patch_append_only ON annotation_patch;
DROP FUNCTION annotation_patch_stays();
DROP TRIGGER change_review_append_only ON annotation_changereview;
DROP TRIGGER change_answer_append_only ON annotation_changeanswer;
DROP FUNCTION annotation_change_answer_stays();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0026_vector_tiles_of_few'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ChangeAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('operation_id', models.UUIDField()),
                ('verdict', models.CharField(choices=[('unchanged', 'nothing changed'), ('changed', 'the ground changed'), ('first_wrong', 'the earlier label was wrong'), ('second_wrong', 'the later label was wrong'), ('unsure', 'cannot tell')], max_length=12)),
                ('first_code', models.CharField(blank=True, max_length=60)),
                ('second_code', models.CharField(blank=True, max_length=60)),
                ('is_extra', models.BooleanField(default=False)),
                ('seconds', models.FloatField()),
                ('licence', models.CharField(max_length=30)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('taken_back_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='ChangeCell',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rings', models.JSONField()),
                ('area_m2', models.FloatField()),
                ('first_code', models.CharField(blank=True, max_length=60)),
                ('second_code', models.CharField(blank=True, max_length=60)),
                ('score', models.FloatField()),
                ('doubt', models.FloatField(blank=True, null=True)),
                ('is_control', models.BooleanField(default=False)),
                ('probability', models.FloatField(default=1.0)),
                ('state', models.CharField(choices=[('open', 'waiting for answers'), ('review', 'waiting for a maintainer'), ('settled', 'settled')], default='open', max_length=8)),
                ('verdict', models.CharField(blank=True, choices=[('unchanged', 'nothing changed'), ('changed', 'the ground changed'), ('first_wrong', 'the earlier label was wrong'), ('second_wrong', 'the later label was wrong'), ('unsure', 'cannot tell')], max_length=12)),
                ('first_truth', models.CharField(blank=True, max_length=60)),
                ('second_truth', models.CharField(blank=True, max_length=60)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='ChangeReview',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verdict', models.CharField(choices=[('unchanged', 'nothing changed'), ('changed', 'the ground changed'), ('first_wrong', 'the earlier label was wrong'), ('second_wrong', 'the later label was wrong'), ('unsure', 'cannot tell')], max_length=12)),
                ('first_code', models.CharField(blank=True, max_length=60)),
                ('second_code', models.CharField(blank=True, max_length=60)),
                ('comment', models.CharField(blank=True, max_length=1000)),
                ('licence', models.CharField(max_length=30)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='ChangeRound',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('source', models.CharField(choices=[('maps', 'two published maps'), ('labels', 'labels of both dates')], max_length=8)),
                ('first_map', models.CharField(blank=True, max_length=120)),
                ('second_map', models.CharField(blank=True, max_length=120)),
                ('control_share', models.FloatField()),
                ('seed', models.BigIntegerField()),
                ('opened_at', models.DateTimeField(auto_now_add=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['campaign', 'number'],
            },
        ),
        migrations.CreateModel(
            name='ChangeTicket',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slot', models.PositiveSmallIntegerField()),
                ('rank', models.PositiveIntegerField()),
                ('score', models.FloatField()),
                ('is_control', models.BooleanField()),
                ('probability', models.FloatField()),
                ('state', models.CharField(choices=[('open', 'Open'), ('done', 'Done'), ('void', 'Void')], default='open', max_length=4)),
                ('held_until', models.DateTimeField(blank=True, null=True)),
                ('copies_all', models.BooleanField(default=False)),
            ],
            options={
                'ordering': ['rank'],
            },
        ),
        migrations.CreateModel(
            name='Patch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('geometry', annotation.models.annotations.ImageryPolygonField(srid=0)),
                ('footprint', django.contrib.gis.db.models.fields.PolygonField(srid=4326)),
                ('area_m2', models.FloatField()),
                ('wrong_code', models.CharField(max_length=60)),
                ('right_code', models.CharField(max_length=60)),
                ('answers', models.PositiveSmallIntegerField()),
                ('licence', models.CharField(max_length=30)),
                ('made_at', models.DateTimeField(auto_now_add=True)),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='VintagePair',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='revertitem',
            name='revert_item_is_of_its_kind',
        ),
        migrations.AlterField(
            model_name='revertitem',
            name='kind',
            field=models.CharField(choices=[('labels', 'labels of a tile'), ('verdicts', "answers on a model's drawing"), ('review', "review of somebody's labels"), ('report', 'report of unusable imagery'), ('change', 'answer on ground at two dates')], max_length=8),
        ),
        migrations.AddField(
            model_name='changeanswer',
            name='annotator',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='change_answers', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='revertitem',
            name='change_answer',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.changeanswer'),
        ),
        migrations.AddConstraint(
            model_name='revertitem',
            constraint=models.UniqueConstraint(fields=('revert', 'change_answer'), name='revert_change_answer_once'),
        ),
        migrations.AddConstraint(
            model_name='revertitem',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('annotation__isnull', False), ('batch__isnull', True), ('kind', 'labels'), ('review__isnull', True)), models.Q(('annotation__isnull', True), ('batch__isnull', False), ('kind', 'verdicts'), ('review__isnull', True)), models.Q(('annotation__isnull', False), ('batch__isnull', True), ('kind', 'review'), ('review__isnull', False)), models.Q(('annotation__isnull', True), ('batch__isnull', True), ('kind', 'report'), ('lease__isnull', False), ('review__isnull', True)), models.Q(('annotation__isnull', True), ('batch__isnull', True), ('change_answer__isnull', False), ('kind', 'change'), ('review__isnull', True)), _connector='OR'), name='revert_item_is_of_its_kind'),
        ),
        migrations.AddField(
            model_name='changecell',
            name='tile',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='change_cells', to='annotation.tile'),
        ),
        migrations.AddField(
            model_name='changeanswer',
            name='cell',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='answers', to='annotation.changecell'),
        ),
        migrations.AddField(
            model_name='changereview',
            name='cell',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='annotation.changecell'),
        ),
        migrations.AddField(
            model_name='changereview',
            name='reviewer',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='change_reviews', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='changeround',
            name='campaign',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='change_rounds', to='annotation.campaign'),
        ),
        migrations.AddField(
            model_name='changeround',
            name='opened_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='changecell',
            name='round',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='cells', to='annotation.changeround'),
        ),
        migrations.AddField(
            model_name='changeticket',
            name='holder',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='changeticket',
            name='round',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tickets', to='annotation.changeround'),
        ),
        migrations.AddField(
            model_name='changeticket',
            name='tile',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='change_tickets', to='annotation.tile'),
        ),
        migrations.AddField(
            model_name='changeanswer',
            name='ticket',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='answers', to='annotation.changeticket'),
        ),
        migrations.AddField(
            model_name='patch',
            name='cell',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='patches', to='annotation.changecell'),
        ),
        migrations.AddField(
            model_name='patch',
            name='layer',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='patches', to='annotation.imagerylayer'),
        ),
        migrations.AddField(
            model_name='patch',
            name='review',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='patches', to='annotation.changereview'),
        ),
        migrations.AddField(
            model_name='vintagepair',
            name='created_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='vintagepair',
            name='first',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pairs_as_first', to='annotation.imagerylayer'),
        ),
        migrations.AddField(
            model_name='vintagepair',
            name='second',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pairs_as_second', to='annotation.imagerylayer'),
        ),
        migrations.AddField(
            model_name='changeround',
            name='pair',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='change_rounds', to='annotation.vintagepair'),
        ),
        migrations.AddConstraint(
            model_name='changereview',
            constraint=models.UniqueConstraint(fields=('cell', 'reviewer'), name='change_review_once_a_reviewer'),
        ),
        migrations.AddConstraint(
            model_name='changereview',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('first_code', models.F('second_code')), ('verdict', 'unchanged'), models.Q(('first_code', ''), _negated=True)), models.Q(('verdict', 'changed'), models.Q(('first_code', ''), _negated=True), models.Q(('second_code', ''), _negated=True), models.Q(('first_code', models.F('second_code')), _negated=True)), models.Q(('verdict', 'first_wrong'), models.Q(('first_code', ''), _negated=True), models.Q(('second_code', ''), _negated=True)), models.Q(('verdict', 'second_wrong'), models.Q(('second_code', ''), _negated=True)), models.Q(('first_code', ''), ('second_code', ''), ('verdict', 'unsure')), _connector='OR'), name='change_review_codes_follow_verdict'),
        ),
        migrations.AddIndex(
            model_name='changecell',
            index=models.Index(fields=['round', 'tile'], name='change_cell_of_tile'),
        ),
        migrations.AddIndex(
            model_name='changecell',
            index=models.Index(condition=models.Q(('state', 'review')), fields=['round', '-score'], name='change_cell_to_review'),
        ),
        migrations.AddConstraint(
            model_name='changecell',
            constraint=models.CheckConstraint(condition=models.Q(('probability__gt', 0), ('probability__lte', 1)), name='change_cell_probability_is_one'),
        ),
        migrations.AddConstraint(
            model_name='changecell',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', False), ('state', 'settled'), models.Q(('verdict', ''), _negated=True)), models.Q(models.Q(('state', 'settled'), _negated=True), ('decided_at__isnull', True), ('first_truth', ''), ('second_truth', ''), ('verdict', '')), _connector='OR'), name='change_cell_settled_by_a_verdict'),
        ),
        migrations.AddIndex(
            model_name='changeticket',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['round', 'rank'], name='change_ticket_open'),
        ),
        migrations.AddIndex(
            model_name='changeticket',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['holder', 'held_until'], name='change_ticket_held'),
        ),
        migrations.AddConstraint(
            model_name='changeticket',
            constraint=models.UniqueConstraint(fields=('round', 'rank'), name='change_ticket_place_unique'),
        ),
        migrations.AddConstraint(
            model_name='changeticket',
            constraint=models.UniqueConstraint(fields=('round', 'tile', 'slot'), name='change_ticket_slot_given_once'),
        ),
        migrations.AddConstraint(
            model_name='changeticket',
            constraint=models.UniqueConstraint(condition=models.Q(('holder__isnull', False)), fields=('round', 'tile', 'holder'), name='change_ticket_one_a_person_a_tile'),
        ),
        migrations.AddConstraint(
            model_name='changeticket',
            constraint=models.CheckConstraint(condition=models.Q(('probability__gt', 0), ('probability__lte', 1)), name='change_ticket_probability_is_one'),
        ),
        migrations.AddIndex(
            model_name='changeanswer',
            index=models.Index(fields=['annotator', '-created_at'], name='change_answer_mine'),
        ),
        migrations.AddConstraint(
            model_name='changeanswer',
            constraint=models.UniqueConstraint(condition=models.Q(('taken_back_at__isnull', True)), fields=('cell', 'annotator'), name='change_answer_once_a_person'),
        ),
        migrations.AddConstraint(
            model_name='changeanswer',
            constraint=models.UniqueConstraint(fields=('operation_id', 'cell'), name='change_answer_once_an_operation'),
        ),
        migrations.AddConstraint(
            model_name='changeanswer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('first_code', models.F('second_code')), ('verdict', 'unchanged'), models.Q(('first_code', ''), _negated=True)), models.Q(('verdict', 'changed'), models.Q(('first_code', ''), _negated=True), models.Q(('second_code', ''), _negated=True), models.Q(('first_code', models.F('second_code')), _negated=True)), models.Q(('verdict', 'first_wrong'), models.Q(('first_code', ''), _negated=True), models.Q(('second_code', ''), _negated=True)), models.Q(('verdict', 'second_wrong'), models.Q(('second_code', ''), _negated=True)), models.Q(('first_code', ''), ('second_code', ''), ('verdict', 'unsure')), _connector='OR'), name='change_answer_codes_follow_verdict'),
        ),
        migrations.AddConstraint(
            model_name='changeanswer',
            constraint=models.CheckConstraint(condition=models.Q(('seconds__gte', 0)), name='change_answer_seconds_sane'),
        ),
        migrations.AddIndex(
            model_name='patch',
            index=models.Index(fields=['layer', 'made_at'], name='patch_of_layer'),
        ),
        migrations.AddConstraint(
            model_name='patch',
            constraint=models.UniqueConstraint(condition=models.Q(('withdrawn_at__isnull', True)), fields=('cell',), name='patch_one_standing_a_cell'),
        ),
        migrations.AddConstraint(
            model_name='patch',
            constraint=models.CheckConstraint(condition=models.Q(('wrong_code', models.F('right_code')), _negated=True), name='patch_corrects_something'),
        ),
        migrations.AddConstraint(
            model_name='vintagepair',
            constraint=models.UniqueConstraint(fields=('first', 'second'), name='pair_of_layers_once'),
        ),
        migrations.AddConstraint(
            model_name='vintagepair',
            constraint=models.CheckConstraint(condition=models.Q(('first', models.F('second')), _negated=True), name='pair_of_two_layers'),
        ),
        migrations.AddConstraint(
            model_name='changeround',
            constraint=models.UniqueConstraint(fields=('campaign', 'number'), name='change_round_number_unique'),
        ),
        migrations.AddConstraint(
            model_name='changeround',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at__isnull', True)), fields=('campaign',), name='change_round_one_open_a_campaign'),
        ),
        migrations.AddConstraint(
            model_name='changeround',
            constraint=models.CheckConstraint(condition=models.Q(('control_share__gte', 0), ('control_share__lt', 1)), name='change_control_share_is_a_share'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
