"""Tiles split in four: a quarter is a tile of its own at its whole's place; the database keeps the two apart."""

import django.db.models.deletion
from django.db import migrations, models


FORWARD = """
-- A quarter lies where its whole lies and is what its whole is: a control tile's quarters are control tiles.
CREATE FUNCTION annotation_guard_quarter() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found_whole annotation_tile%ROWTYPE;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'quarter_is_final: the whole or part of tile % is never changed', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    SELECT * INTO found_whole FROM annotation_tile WHERE id = NEW.whole_id;
    IF found_whole.part <> 0 OR (found_whole.campaign_id, found_whole.row, found_whole.col, found_whole.role)
       IS DISTINCT FROM (NEW.campaign_id, NEW.row, NEW.col, NEW.role) THEN
        RAISE EXCEPTION 'quarter_of_other_tile: tile % is no whole tile with the place and role of its quarter', NEW.whole_id
            USING ERRCODE = 'check_violation';
    END IF;
    -- Whatever was gold once never trains a model, and a quarter of it would be a tile that was not.
    IF EXISTS (SELECT 1 FROM annotation_goldtile g WHERE g.tile_id = NEW.whole_id) THEN
        RAISE EXCEPTION 'gold_in_quarters: tile % is gold, or was', NEW.whole_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER quarter_fits_whole BEFORE INSERT ON annotation_tile
    FOR EACH ROW WHEN (NEW.part > 0) EXECUTE FUNCTION annotation_guard_quarter();
CREATE TRIGGER quarter_is_final BEFORE UPDATE OF part, whole_id ON annotation_tile
    FOR EACH ROW WHEN (NEW.part <> OLD.part OR NEW.whole_id IS DISTINCT FROM OLD.whole_id)
    EXECUTE FUNCTION annotation_guard_quarter();

-- Nobody is asked for a whole tile and for its quarters: that would be once more than its redundancy.
CREATE FUNCTION annotation_guard_ticket_of_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM annotation_tile q WHERE q.whole_id = NEW.tile_id) THEN
        RAISE EXCEPTION 'ticket_of_split_tile: tile % is given out in quarters', NEW.tile_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER ticket_of_undivided_tile BEFORE INSERT OR UPDATE OF state ON annotation_ticket
    FOR EACH ROW WHEN (NEW.part = 0 AND NEW.state IN ('open', 'leased'))
    EXECUTE FUNCTION annotation_guard_ticket_of_whole();
"""

BACKWARD = """
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM annotation_tile WHERE part > 0) THEN
        RAISE EXCEPTION 'tiles were split in four: labels of quarters have no place before this migration';
    END IF;
END $$;
DROP TRIGGER ticket_of_undivided_tile ON annotation_ticket;
DROP FUNCTION annotation_guard_ticket_of_whole();
DROP TRIGGER quarter_is_final ON annotation_tile;
DROP TRIGGER quarter_fits_whole ON annotation_tile;
DROP FUNCTION annotation_guard_quarter();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0015_campaign_weeks'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='ticket',
            name='ticket_rank_unique',
        ),
        migrations.RemoveConstraint(
            model_name='tile',
            name='tile_one_row_a_place',
        ),
        migrations.RemoveIndex(
            model_name='ticket',
            name='ticket_open_by_rank',
        ),
        migrations.AddField(
            model_name='ticket',
            name='part',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='tile',
            name='part',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='tile',
            name='whole',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='quarters', to='annotation.tile'),
        ),
        migrations.RemoveIndex(
            model_name='tile',
            name='tile_by_state',
        ),
        migrations.AddIndex(
            model_name='tile',
            index=models.Index(fields=['campaign', 'state', 'part'], name='tile_by_state'),
        ),
        migrations.AlterField(
            model_name='annotation',
            name='state',
            field=models.CharField(choices=[('draft', 'being drawn'), ('submitted', 'waiting for review'), ('sent_back', 'sent back'), ('accepted', 'accepted'), ('reverted', 'set aside'), ('split', 'continued in quarters')], default='draft', max_length=10),
        ),
        migrations.AlterField(
            model_name='lease',
            name='state',
            field=models.CharField(choices=[('active', 'Active'), ('kept', 'Kept'), ('released', 'Released'), ('done', 'Done')], default='active', max_length=8),
        ),
        migrations.AddField(
            model_name='lease',
            name='extra',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AlterField(
            model_name='hourlyuse',
            name='action',
            field=models.CharField(choices=[('claim', 'Claim'), ('save', 'Save'), ('submit', 'Submit'), ('verdict', 'Verdict'), ('review', 'Review'), ('split', 'Split')], max_length=8),
        ),
        migrations.AddIndex(
            model_name='annotation',
            index=models.Index(condition=models.Q(('state', 'sent_back')), fields=['annotator'], name='annotation_sent_back'),
        ),
        migrations.AddIndex(
            model_name='lease',
            index=models.Index(condition=models.Q(('state', 'kept')), fields=['annotator'], name='lease_kept'),
        ),
        migrations.AddIndex(
            model_name='ticket',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['campaign', 'rank', 'part'], name='ticket_open_in_order'),
        ),
        migrations.AddIndex(
            model_name='tile',
            index=models.Index(condition=models.Q(('whole__isnull', False)), fields=['whole'], name='tile_quarters'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.UniqueConstraint(fields=('round', 'rank', 'part'), name='ticket_place_unique'),
        ),
        migrations.AddConstraint(
            model_name='tile',
            constraint=models.UniqueConstraint(fields=('campaign', 'row', 'col', 'part'), name='tile_one_row_a_part'),
        ),
        migrations.AddConstraint(
            model_name='tile',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('part', 0), ('whole__isnull', True)), models.Q(('part__gte', 1), ('part__lte', 4), ('whole__isnull', False)), _connector='OR'), name='tile_quarter_has_whole'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
