"""What a lease's labels are asked for stands on the lease; until now it followed from ticket, gold and offers."""

from django.db import migrations, models

FROM_TICKETS = """
UPDATE annotation_lease l SET asked = k.regions
FROM annotation_ticket k WHERE k.id = l.ticket_id AND NOT (k.regions = '[]');
"""
# Who goes on without a place of their own: by the last ticket that they were given the tile by.
FROM_OFFERS = """
UPDATE annotation_lease l SET asked = lost.regions
FROM (
    SELECT DISTINCT ON (o.tile_id, o.annotator_id) o.tile_id, o.annotator_id, k.regions
    FROM annotation_tileoffer o JOIN annotation_ticket k ON k.id = o.ticket_id
    ORDER BY o.tile_id, o.annotator_id, o.offered_at DESC, o.id DESC
) lost
WHERE l.extra AND l.ticket_id IS NULL AND l.purpose = 'draw'
  AND lost.tile_id = l.tile_id AND lost.annotator_id = l.annotator_id;
"""
FROM_GOLD = """
UPDATE annotation_lease l SET asked = g.why -> 'asked'
FROM annotation_goldlease g
WHERE g.lease_id = l.id AND l.ticket_id IS NULL AND jsonb_exists(g.why, 'asked');
UPDATE annotation_goldlease SET why = why - 'asked' WHERE jsonb_exists(why, 'asked');
"""
TO_GOLD = """
UPDATE annotation_goldlease g SET why = jsonb_set(g.why, '{asked}', l.asked)
FROM annotation_lease l WHERE l.id = g.lease_id AND l.ticket_id IS NULL;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0019_tickets_in_parts'),
    ]

    operations = [
        migrations.AddField(
            model_name='lease',
            name='asked',
            field=models.JSONField(blank=True, db_default=models.Value([], models.JSONField()), default=list, help_text='pixel windows of the tile that its labels are asked for, as in a ticket; empty: the whole tile'),
        ),
        migrations.RunSQL([FROM_TICKETS, FROM_OFFERS, FROM_GOLD], [TO_GOLD, migrations.RunSQL.noop]),
    ]
