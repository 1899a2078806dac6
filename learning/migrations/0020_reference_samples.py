"""Samples of places, and what people see there: answers are only ever added."""

import django.contrib.gis.db.models.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FORWARD = """
CREATE TRIGGER sample_answer_append_only BEFORE UPDATE OR DELETE ON learning_sampleanswer
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_change();

CREATE FUNCTION learning_sample_stays_as_drawn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(NEW) - 'closed_at' - 'closed_by_id' - 'drawn_by_id')
        IS DISTINCT FROM (to_jsonb(OLD) - 'closed_at' - 'closed_by_id' - 'drawn_by_id') THEN
        RAISE EXCEPTION 'sample_is_drawn: sample % was drawn once; draw another one', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER sample_is_drawn BEFORE UPDATE ON learning_referencesample
    FOR EACH ROW EXECUTE FUNCTION learning_sample_stays_as_drawn();

CREATE TRIGGER sample_unit_is_drawn BEFORE UPDATE ON learning_sampleunit
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_change();
"""
BACKWARD = """
DROP TRIGGER sample_unit_is_drawn ON learning_sampleunit;
DROP TRIGGER sample_is_drawn ON learning_referencesample;
DROP FUNCTION learning_sample_stays_as_drawn();
DROP TRIGGER sample_answer_append_only ON learning_sampleanswer;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0028_usage_sources'),
        ('learning', '0019_artificialisation'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ReferenceSample',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('area', 'area of each class'), ('change', 'change between two dates')], max_length=6)),
                ('strata', models.JSONField()),
                ('counted', models.JSONField(default=dict)),
                ('unit_px', models.PositiveSmallIntegerField()),
                ('outside_m2', models.FloatField(default=0)),
                ('answers_wanted', models.PositiveSmallIntegerField(default=2)),
                ('seed', models.BigIntegerField()),
                ('drawn_at', models.DateTimeField(auto_now_add=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('campaign', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reference_samples', to='annotation.campaign')),
                ('closed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('drawn_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('first_map', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='learning.prediction')),
                ('pair', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reference_samples', to='annotation.vintagepair')),
                ('second_map', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='learning.prediction')),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='SampleUnit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('stratum', models.PositiveSmallIntegerField()),
                ('row', models.PositiveIntegerField()),
                ('col', models.PositiveIntegerField()),
                ('inclusion_probability', models.FloatField()),
                ('location', django.contrib.gis.db.models.fields.PointField(srid=4326)),
                ('sample', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='units', to='learning.referencesample')),
            ],
            options={
                'ordering': ['sample', 'number'],
            },
        ),
        migrations.CreateModel(
            name='SampleAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('operation_id', models.UUIDField(unique=True)),
                ('first_code', models.CharField(blank=True, max_length=60)),
                ('second_code', models.CharField(blank=True, max_length=60)),
                ('sureness', models.CharField(choices=[('sure', 'sure'), ('unsure', 'not quite sure')], max_length=6)),
                ('settles', models.BooleanField(default=False)),
                ('seconds', models.FloatField()),
                ('licence', models.CharField(max_length=30)),
                ('answered_at', models.DateTimeField(auto_now_add=True)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sample_answers', to=settings.AUTH_USER_MODEL)),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='answers', to='learning.sampleunit')),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.AddConstraint(
            model_name='referencesample',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('first_map__isnull', True), ('kind', 'area'), ('pair__isnull', True)), models.Q(('first_map__isnull', False), ('kind', 'change'), ('pair__isnull', False)), _connector='OR'), name='sample_of_change_has_two_dates'),
        ),
        migrations.AddConstraint(
            model_name='referencesample',
            constraint=models.CheckConstraint(condition=models.Q(('answers_wanted__gt', 0), ('unit_px__gt', 0)), name='sample_has_sizes'),
        ),
        migrations.AddConstraint(
            model_name='referencesample',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at__isnull', True)), fields=('campaign', 'kind'), name='sample_one_open_a_kind'),
        ),
        migrations.AddConstraint(
            model_name='sampleunit',
            constraint=models.UniqueConstraint(fields=('sample', 'number'), name='sample_unit_number_once'),
        ),
        migrations.AddConstraint(
            model_name='sampleunit',
            constraint=models.UniqueConstraint(fields=('sample', 'row', 'col'), name='sample_unit_place_once'),
        ),
        migrations.AddConstraint(
            model_name='sampleunit',
            constraint=models.CheckConstraint(condition=models.Q(('inclusion_probability__gt', 0), ('inclusion_probability__lte', 1)), name='sample_unit_has_a_probability'),
        ),
        migrations.AddIndex(
            model_name='sampleanswer',
            index=models.Index(fields=['unit', '-id'], name='sample_answer_of_unit'),
        ),
        migrations.AddIndex(
            model_name='sampleanswer',
            index=models.Index(fields=['person', '-id'], name='sample_answer_mine'),
        ),
        migrations.AddConstraint(
            model_name='sampleanswer',
            constraint=models.CheckConstraint(condition=models.Q(('seconds__gte', 0)), name='sample_answer_seconds_sane'),
        ),
        migrations.AddConstraint(
            model_name='sampleanswer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('second_code', ''), _negated=True), ('first_code', ''), _connector='OR'), name='sample_answer_tells_all_dates_or_none'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
