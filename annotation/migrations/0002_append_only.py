"""What the database itself guards: revisions are only ever added, and a tile's role never changes."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION annotation_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'append_only: a row of % is never changed or removed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER revision_append_only BEFORE UPDATE OR DELETE ON annotation_annotationrevision
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_change();

CREATE TRIGGER review_append_only BEFORE UPDATE OR DELETE ON annotation_review
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_change();

CREATE FUNCTION annotation_keep_tile_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.role IS DISTINCT FROM OLD.role OR NEW.campaign_id <> OLD.campaign_id
       OR NEW."row" <> OLD."row" OR NEW.col <> OLD.col THEN
        RAISE EXCEPTION 'tile_role_is_final: tile % is % and stays so', OLD.id, OLD.role USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER tile_role_is_final BEFORE UPDATE ON annotation_tile
    FOR EACH ROW EXECUTE FUNCTION annotation_keep_tile_role();
"""

BACKWARD = """
DROP TRIGGER tile_role_is_final ON annotation_tile;
DROP FUNCTION annotation_keep_tile_role();
DROP TRIGGER review_append_only ON annotation_review;
DROP TRIGGER revision_append_only ON annotation_annotationrevision;
DROP FUNCTION annotation_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("annotation", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
