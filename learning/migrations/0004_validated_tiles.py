"""Tiles judged by people join training sets; the database refuses those of the hold-out there too."""

import django.db.models.deletion
from django.db import migrations, models


FORWARD = """
CREATE FUNCTION learning_refuse_holdout_validated() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found_role text;
BEGIN
    SELECT role INTO found_role FROM annotation_tile WHERE id = NEW.tile_id;
    IF found_role IS DISTINCT FROM 'pool' THEN
        RAISE EXCEPTION 'holdout_in_training: tile % is %, only pool tiles train a model', NEW.tile_id, found_role
            USING ERRCODE = 'check_violation';
    END IF;
    IF jsonb_array_length(NEW.validation_ids) = 0 OR EXISTS (
        SELECT 1 FROM jsonb_array_elements_text(NEW.validation_ids) AS named(id)
        LEFT JOIN annotation_validation v ON v.id = named.id::bigint
        WHERE v.tile_id IS DISTINCT FROM NEW.tile_id
    ) THEN
        RAISE EXCEPTION 'validation_of_other_tile: not all verdicts named are of tile %', NEW.tile_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER holdout_never_trains BEFORE INSERT OR UPDATE ON learning_trainingsetvalidation
    FOR EACH ROW EXECUTE FUNCTION learning_refuse_holdout_validated();
"""

BACKWARD = """
DROP TRIGGER holdout_never_trains ON learning_trainingsetvalidation;
DROP FUNCTION learning_refuse_holdout_validated();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0005_validations'),
        ('learning', '0003_round_without_map'),
    ]

    operations = [
        migrations.CreateModel(
            name='TrainingSetValidation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('validation_ids', models.JSONField()),
                ('sha256', models.CharField(max_length=64)),
                ('tile', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.tile')),
                ('training_set', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='validated', to='learning.trainingset')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('training_set', 'tile'), name='training_validated_tile_unique')],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
