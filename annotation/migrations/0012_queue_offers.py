"""What was offered to whom, areas that go first, what newcomers get."""

import django.contrib.gis.db.models.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


UNCHANGED = """
CREATE TRIGGER offer_is_not_changed BEFORE UPDATE ON annotation_tileoffer
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_change();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0011_accounts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='campaign',
            name='newcomer_tiles',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='ticket',
            name='placed_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AlterField(
            model_name='ticket',
            name='kind',
            field=models.CharField(choices=[('uncertainty', 'the model doubts here'), ('random', 'drawn at random'), ('control', 'control tile'), ('initial', 'first round'), ('reported', 'reported by someone'), ('area', 'in a priority area'), ('picked', 'chosen on the map')], max_length=12),
        ),
        migrations.CreateModel(
            name='PriorityArea',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('ground', django.contrib.gis.db.models.fields.MultiPolygonField(srid=4326)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('campaign', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='priority_areas', to='annotation.campaign')),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['created_at'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('campaign', 'name'), name='priority_area_name_unique')],
            },
        ),
        migrations.CreateModel(
            name='TileOffer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('way', models.CharField(choices=[('queue', 'next in the queue'), ('chosen', 'chosen by the person'), ('territory', 'next where the person chose to label'), ('sent_back', 'sent back to its author'), ('gold', 'gold tile')], max_length=10)),
                ('newcomer', models.BooleanField()),
                ('ahead', models.BooleanField()),
                ('rank', models.IntegerField(null=True)),
                ('offered_at', models.DateTimeField()),
                ('annotator', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('campaign', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='offers', to='annotation.campaign')),
                ('ticket', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='offers', to='annotation.ticket')),
                ('tile', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='offers', to='annotation.tile')),
            ],
            options={
                'indexes': [models.Index(fields=['campaign', 'offered_at'], name='offer_by_time'), models.Index(fields=['ticket'], name='offer_of_ticket')],
            },
        ),
        migrations.RunSQL(UNCHANGED, "DROP TRIGGER offer_is_not_changed ON annotation_tileoffer"),
    ]
