"""Which corrections of earlier vintages a release holds, written down once with its labels."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION learning_refuse_repatching() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'released_patch_is_final: patch % is in release % and stays so', OLD.patch_id, OLD.release_id
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER released_patch_is_final BEFORE UPDATE ON learning_releasedpatch
    FOR EACH ROW EXECUTE FUNCTION learning_refuse_repatching();
"""

BACKWARD = """
DROP TRIGGER released_patch_is_final ON learning_releasedpatch;
DROP FUNCTION learning_refuse_repatching();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0032_shift_of_pairs'),
        ('learning', '0025_territory_figures'),
    ]

    operations = [
        migrations.CreateModel(
            name='ReleasedPatch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('wrong_code', models.CharField(max_length=60)),
                ('right_code', models.CharField(max_length=60)),
                ('answer_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ('patch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='releases', to='annotation.patch')),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='patches', to='learning.release')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('release', 'patch'), name='released_patch_once_a_release'), models.CheckConstraint(condition=models.Q(('wrong_code', models.F('right_code')), _negated=True), name='released_patch_corrects_something')],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
