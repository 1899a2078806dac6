"""Gold tiles never train, and a tile that has trained never becomes gold: rules of the database, also under concurrency.

Both sides lock the tile's row before they look: whoever comes second waits, and then sees what the first one wrote.
"""

from django.db import migrations, models

FORWARD = """
CREATE FUNCTION learning_refuse_gold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM annotation_tile WHERE id = NEW.tile_id FOR KEY SHARE;
    IF EXISTS (SELECT 1 FROM annotation_goldtile WHERE tile_id = NEW.tile_id) THEN
        RAISE EXCEPTION 'gold_in_training: tile % is gold or was, and never trains a model', NEW.tile_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER gold_never_trains BEFORE INSERT OR UPDATE ON learning_trainingsetitem
    FOR EACH ROW EXECUTE FUNCTION learning_refuse_gold();

CREATE TRIGGER gold_never_trains BEFORE INSERT OR UPDATE ON learning_trainingsetvalidation
    FOR EACH ROW EXECUTE FUNCTION learning_refuse_gold();

CREATE FUNCTION learning_refuse_trained_gold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM annotation_tile WHERE id = NEW.tile_id FOR UPDATE;
    IF EXISTS (SELECT 1 FROM learning_trainingsetitem WHERE tile_id = NEW.tile_id)
       OR EXISTS (SELECT 1 FROM learning_trainingsetvalidation WHERE tile_id = NEW.tile_id) THEN
        RAISE EXCEPTION 'trained_tile_as_gold: tile % is in a training set', NEW.tile_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER trained_never_gold BEFORE INSERT ON annotation_goldtile
    FOR EACH ROW EXECUTE FUNCTION learning_refuse_trained_gold();
"""

BACKWARD = """
DROP TRIGGER trained_never_gold ON annotation_goldtile;
DROP FUNCTION learning_refuse_trained_gold();
DROP TRIGGER gold_never_trains ON learning_trainingsetvalidation;
DROP TRIGGER gold_never_trains ON learning_trainingsetitem;
DROP FUNCTION learning_refuse_gold();
"""


class Migration(migrations.Migration):
    dependencies = [("learning", "0004_validated_tiles"), ("annotation", "0008_gold")]

    operations = [
        migrations.AddField(
            model_name="trainingsetitem", name="weights", field=models.JSONField(blank=True, default=dict)
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
