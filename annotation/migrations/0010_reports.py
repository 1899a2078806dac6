"""Reports of wrong places, territories and their stewards; reported places have ranks below zero."""

import annotation.models.reports
import django.contrib.gis.db.models.fields
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


FORWARD = """
CREATE TRIGGER report_event_append_only BEFORE UPDATE OR DELETE ON annotation_reportevent
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_change();
"""

BACKWARD = """
DROP TRIGGER report_event_append_only ON annotation_reportevent;
-- Ranks were counted from zero before: reported places go to the end of their round.
UPDATE annotation_ticket t SET rank = last.rank + 1 + (t.rank - first.rank)
FROM (SELECT round_id, max(rank) AS rank FROM annotation_ticket WHERE rank >= 0 GROUP BY round_id) last,
     (SELECT round_id, min(rank) AS rank FROM annotation_ticket GROUP BY round_id) first
WHERE t.rank < 0 AND last.round_id = t.round_id AND first.round_id = t.round_id;
UPDATE annotation_ticket t SET rank = t.rank - first.rank
FROM (SELECT round_id, min(rank) AS rank FROM annotation_ticket GROUP BY round_id) first
WHERE t.rank < 0 AND first.round_id = t.round_id;
UPDATE annotation_queuemark SET open_rank = 0 WHERE open_rank < 0;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0009_trust'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='annotation',
            name='superseded_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='supersedes', to='annotation.annotation'),
        ),
        migrations.AlterField(
            model_name='queuemark',
            name='open_rank',
            field=models.IntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='ticket',
            name='rank',
            field=models.IntegerField(),
        ),
        migrations.CreateModel(
            name='PlaceReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=annotation.models.reports.random_report_id, editable=False, max_length=20, unique=True)),
                ('place', django.contrib.gis.db.models.fields.GeometryField(srid=4326)),
                ('marker', django.contrib.gis.db.models.fields.PointField(srid=4326)),
                ('class_code', models.CharField(blank=True, max_length=60)),
                ('comment', models.TextField(blank=True, max_length=1000)),
                ('comment_hidden', models.BooleanField(default=False)),
                ('shown_class', models.CharField(blank=True, max_length=60)),
                ('shown_model', models.CharField(blank=True, max_length=120)),
                ('state', models.CharField(choices=[('new', 'new'), ('assigned', 'given to somebody to draw'), ('drawing', 'being drawn anew'), ('answered', 'answered'), ('released', 'in a release')], default='new', max_length=10)),
                ('answer', models.CharField(blank=True, choices=[('fixed', 'corrected'), ('not_a_fault', 'the map is right here'), ('duplicate', 'reported before'), ('cannot_tell', 'the imagery does not tell')], max_length=12)),
                ('reopened', models.BooleanField(default=False)),
                ('release', models.CharField(blank=True, max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('assigned_to', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reports_to_draw', to=settings.AUTH_USER_MODEL)),
                ('campaign', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reports', to='annotation.campaign')),
                ('duplicate_of', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='duplicates', to='annotation.placereport')),
                ('earlier_ticket', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='annotation.ticket')),
                ('fix', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reports_fixed', to='annotation.annotation')),
                ('reporter', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reports', to=settings.AUTH_USER_MODEL)),
                ('ticket', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='reports', to='annotation.ticket')),
                ('tile', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reports', to='annotation.tile')),
            ],
            options={
                'ordering': ['-created_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='ReportAllowance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sender', models.CharField(max_length=64)),
                ('hour', models.DateTimeField()),
                ('used', models.PositiveIntegerField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('sender', 'hour'), name='allowance_one_an_hour')],
            },
        ),
        migrations.CreateModel(
            name='ReportContact',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254)),
                ('language', models.CharField(max_length=2)),
                ('site', models.URLField()),
                ('stop_token', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('report', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='contact', to='annotation.placereport')),
            ],
        ),
        migrations.CreateModel(
            name='ReportEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('reported', 'Reported'), ('queued', 'First in the queue of places to draw'), ('assigned', 'Given to somebody to draw anew'), ('drawing', 'Somebody draws this place anew'), ('fixed', 'Corrected: new labels were accepted'), ('not_a_fault', 'Answered: the map is right here'), ('duplicate', 'Answered: this place was reported before'), ('cannot_tell', 'Answered: the imagery does not tell'), ('reopened', 'Taken up again'), ('released', 'Published in a release'), ('words_hidden', "The reporter's words were hidden")], max_length=12)),
                ('role', models.CharField(choices=[('platform', 'the platform'), ('reporter', 'the person who reported it'), ('steward', 'a steward of the territory'), ('reviewer', 'a reviewer of the campaign'), ('maintainer', 'a maintainer of the campaign')], max_length=10)),
                ('words', models.TextField(blank=True, max_length=2000)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('actor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('report', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='annotation.placereport')),
            ],
            options={
                'ordering': ['created_at', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='ReportNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('failures', models.PositiveSmallIntegerField(default=0)),
                ('contact', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='annotation.reportcontact')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notices', to='annotation.reportevent')),
            ],
        ),
        migrations.CreateModel(
            name='Territory',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('commune', 'commune'), ('epci', 'group of communes (EPCI)'), ('departement', 'département')], max_length=12)),
                ('code', models.CharField(max_length=20)),
                ('name', models.CharField(max_length=200)),
                ('boundary', django.contrib.gis.db.models.fields.MultiPolygonField(srid=4326)),
                ('source', models.CharField(max_length=200)),
                ('as_of', models.DateField()),
                ('imported_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'verbose_name_plural': 'territories',
                'ordering': ['kind', 'code'],
                'constraints': [models.UniqueConstraint(fields=('kind', 'code'), name='territory_code_unique')],
            },
        ),
        migrations.CreateModel(
            name='Stewardship',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('given_at', models.DateTimeField(auto_now_add=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='stewardships', to=settings.AUTH_USER_MODEL)),
                ('territory', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='stewardships', to='annotation.territory')),
            ],
        ),
        migrations.AddIndex(
            model_name='placereport',
            index=models.Index(fields=['campaign', '-created_at'], name='report_of_campaign'),
        ),
        migrations.AddIndex(
            model_name='placereport',
            index=models.Index(condition=models.Q(models.Q(('state', 'released'), _negated=True), ('duplicate_of__isnull', True)), fields=['tile'], name='report_followed'),
        ),
        migrations.AddConstraint(
            model_name='placereport',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['answered', 'released']), models.Q(('answer', ''), _negated=True)), models.Q(('answer', ''), ('state__in', ['new', 'assigned', 'drawing'])), _connector='OR'), name='report_answered_has_answer'),
        ),
        migrations.AddConstraint(
            model_name='placereport',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('answer', 'fixed'), ('fix__isnull', False)), models.Q(models.Q(('answer', 'fixed'), _negated=True), ('fix__isnull', True)), _connector='OR'), name='report_fixed_has_fix'),
        ),
        migrations.AddConstraint(
            model_name='placereport',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('answer', 'duplicate'), ('duplicate_of__isnull', False)), models.Q(models.Q(('answer', 'duplicate'), _negated=True), ('duplicate_of__isnull', True)), _connector='OR'), name='report_duplicate_has_original'),
        ),
        migrations.AddConstraint(
            model_name='placereport',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('answer', 'fixed'), ('state', 'released'), models.Q(('release', ''), _negated=True)), models.Q(models.Q(('state', 'released'), _negated=True), ('release', '')), _connector='OR'), name='report_released_has_release'),
        ),
        migrations.AddIndex(
            model_name='reportevent',
            index=models.Index(fields=['report', 'created_at'], name='report_history'),
        ),
        migrations.AddIndex(
            model_name='reportnotice',
            index=models.Index(condition=models.Q(('sent_at__isnull', True)), fields=['id'], name='notice_to_send'),
        ),
        migrations.AddConstraint(
            model_name='reportnotice',
            constraint=models.UniqueConstraint(fields=('contact', 'event'), name='notice_once_an_event'),
        ),
        migrations.AddConstraint(
            model_name='stewardship',
            constraint=models.UniqueConstraint(fields=('territory', 'user'), name='stewardship_one_a_person'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
