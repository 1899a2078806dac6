"""The hold-out is a rule of the database: its tiles, and the buffer around them, are refused in a training set."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION learning_refuse_holdout() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found_role text;
BEGIN
    SELECT role INTO found_role FROM annotation_tile WHERE id = NEW.tile_id;
    IF found_role IS DISTINCT FROM 'pool' THEN
        RAISE EXCEPTION 'holdout_in_training: tile % is %, only pool tiles train a model', NEW.tile_id, found_role
            USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM annotation_annotationrevision r JOIN annotation_annotation a ON a.id = r.annotation_id
        WHERE r.id = NEW.revision_id AND a.tile_id = NEW.tile_id
    ) THEN
        RAISE EXCEPTION 'revision_of_other_tile: revision % does not label tile %', NEW.revision_id, NEW.tile_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER holdout_never_trains BEFORE INSERT OR UPDATE ON learning_trainingsetitem
    FOR EACH ROW EXECUTE FUNCTION learning_refuse_holdout();
"""

BACKWARD = """
DROP TRIGGER holdout_never_trains ON learning_trainingsetitem;
DROP FUNCTION learning_refuse_holdout();
"""


class Migration(migrations.Migration):
    dependencies = [("learning", "0001_initial"), ("annotation", "0002_append_only")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
