"""What a release holds is written down once: its labels as rows, all else as one record. Releases that were published
before keep an empty record: their files say what they hold, and they cannot be built again.
"""

import django.db.models.deletion
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION learning_refuse_relabelling() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'released_label_is_final: revision % is in release % and stays so', OLD.revision_id, OLD.release_id
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER released_label_is_final BEFORE UPDATE ON learning_releasedlabel
    FOR EACH ROW EXECUTE FUNCTION learning_refuse_relabelling();

-- A release that failed gives its version back, and what was frozen for it goes.
CREATE FUNCTION learning_refuse_thawing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'release_is_frozen: what release % holds was fixed and stays so', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER release_is_frozen BEFORE UPDATE ON learning_release
    FOR EACH ROW
    WHEN (OLD.frozen <> '{}'::jsonb AND NEW.frozen IS DISTINCT FROM OLD.frozen AND NEW.state <> 'failed')
    EXECUTE FUNCTION learning_refuse_thawing();
"""

BACKWARD = """
DROP TRIGGER release_is_frozen ON learning_release;
DROP FUNCTION learning_refuse_thawing();
DROP TRIGGER released_label_is_final ON learning_releasedlabel;
DROP FUNCTION learning_refuse_relabelling();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0023_vector_tiles'),
        ('learning', '0013_maps_on_request'),
    ]

    operations = [
        migrations.AddField(
            model_name='release',
            name='frozen',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.CreateModel(
            name='ReleasedLabel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('tile_row', models.PositiveIntegerField()),
                ('tile_col', models.PositiveIntegerField()),
                ('part', models.PositiveSmallIntegerField()),
                ('role', models.CharField(max_length=8)),
                ('reviewed_on', models.DateField(blank=True, null=True)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('image_date', models.DateField(blank=True, null=True)),
                ('licence', models.CharField(max_length=30)),
                ('annotation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='releases', to='annotation.annotation')),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='labels', to='learning.release')),
                ('revision', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='releases', to='annotation.annotationrevision')),
                ('tile', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.tile')),
            ],
            options={
                'indexes': [models.Index(fields=['release', 'tile_row', 'tile_col', 'annotation'], name='released_label_in_order')],
                'constraints': [models.UniqueConstraint(fields=('release', 'annotation'), name='released_label_once_a_release'), models.CheckConstraint(condition=models.Q(('licence', ''), _negated=True), name='released_label_has_licence'), models.CheckConstraint(condition=models.Q(('role__in', ['pool', 'holdout'])), name='released_label_of_pool_or_holdout')],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
