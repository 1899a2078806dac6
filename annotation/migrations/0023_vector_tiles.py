"""Reviewed labels as vector tiles: polygons on the web grid, tiles kept as made, triggers that forget them.

Whoever changes what a tile shows holds a shared advisory lock on its cells of zoom 13, and whoever keeps a tile that
was made an exclusive one: a tile made from what was there before can never be kept after the change.
"""

import django.contrib.gis.db.models.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

FUNCTIONS = """
CREATE FUNCTION annotation_web_x(lon float8, z int) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (lon + 180) / 360 * 2 ^ z
$$;

CREATE FUNCTION annotation_web_y(lat float8, z int) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (1 - asinh(tan(radians(greatest(-85.06, least(85.06, lat))))) / pi()) / 2 * 2 ^ z
$$;

CREATE FUNCTION annotation_vector_cell(campaign bigint, x int, y int) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT hashtext(campaign || '/' || x || '/' || y)
$$;

-- The vector tiles that show something of these labelled tiles. A 64th on each side is what is drawn beyond a border.
CREATE FUNCTION annotation_vector_tiles_of(changed bigint[])
RETURNS TABLE (campaign bigint, z int, x int, y int) LANGUAGE sql STABLE AS $$
    SELECT DISTINCT t.campaign_id, zoom, at_x, at_y
    FROM annotation_tile t
    CROSS JOIN generate_series(13, 16) AS zoom
    CROSS JOIN LATERAL generate_series(
        floor(annotation_web_x(ST_XMin(t.footprint), zoom) - 1 / 64.0)::int,
        floor(annotation_web_x(ST_XMax(t.footprint), zoom) + 1 / 64.0)::int) AS at_x
    CROSS JOIN LATERAL generate_series(
        floor(annotation_web_y(ST_YMax(t.footprint), zoom) - 1 / 64.0)::int,
        floor(annotation_web_y(ST_YMin(t.footprint), zoom) + 1 / 64.0)::int) AS at_y
    WHERE t.id = ANY(changed)
$$;

CREATE FUNCTION annotation_forget_vector_tiles(changed bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF changed IS NULL THEN RETURN; END IF;
    PERFORM pg_advisory_xact_lock_shared(1953853029, annotation_vector_cell(cell.campaign, cell.x, cell.y))
    FROM (SELECT * FROM annotation_vector_tiles_of(changed) WHERE z = 13) cell;
    -- In one order, whoever forgets them.
    DELETE FROM annotation_vectortile WHERE id IN (
        SELECT v.id FROM annotation_vectortile v JOIN annotation_vector_tiles_of(changed) f
            ON v.campaign_id = f.campaign AND v.z = f.z AND v.x = f.x AND v.y = f.y
        ORDER BY v.id FOR UPDATE OF v
    );
END $$;

CREATE FUNCTION annotation_forget_of_annotations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM annotation_forget_vector_tiles(array_agg(tile_id)) FROM added WHERE state = 'accepted';
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM annotation_forget_vector_tiles(array_agg(tile_id)) FROM removed WHERE state = 'accepted';
    ELSE
        PERFORM annotation_forget_vector_tiles(array_agg(n.tile_id))
        FROM added n JOIN removed o USING (id)
        WHERE 'accepted' IN (n.state, o.state)
          AND (n.state, n.head_id, n.is_extra, n.superseded_by_id, n.decided_at)
              IS DISTINCT FROM (o.state, o.head_id, o.is_extra, o.superseded_by_id, o.decided_at);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER annotation_added_to_map AFTER INSERT ON annotation_annotation
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION annotation_forget_of_annotations();
CREATE TRIGGER annotation_changed_on_map AFTER UPDATE ON annotation_annotation
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION annotation_forget_of_annotations();
CREATE TRIGGER annotation_removed_from_map AFTER DELETE ON annotation_annotation
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION annotation_forget_of_annotations();

CREATE FUNCTION annotation_forget_of_tiles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM annotation_forget_vector_tiles(array_agg(n.id))
    FROM added n JOIN removed o USING (id)
    WHERE n.state <> o.state AND 'accepted' IN (n.state, o.state);
    RETURN NULL;
END $$;

CREATE TRIGGER tile_changed_on_map AFTER UPDATE ON annotation_tile
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION annotation_forget_of_tiles();

-- Gold tiles, and how far the people of a tile agree.
CREATE FUNCTION annotation_forget_of_its_tile() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM annotation_forget_vector_tiles(ARRAY[CASE TG_OP WHEN 'DELETE' THEN OLD.tile_id ELSE NEW.tile_id END]);
    RETURN NULL;
END $$;

CREATE TRIGGER gold_changed_on_map AFTER INSERT OR DELETE ON annotation_goldtile
    FOR EACH ROW EXECUTE FUNCTION annotation_forget_of_its_tile();
CREATE TRIGGER agreement_changed_on_map AFTER INSERT OR UPDATE OR DELETE ON annotation_tileagreement
    FOR EACH ROW EXECUTE FUNCTION annotation_forget_of_its_tile();
"""

REMOVED = """
DROP TRIGGER agreement_changed_on_map ON annotation_tileagreement;
DROP TRIGGER gold_changed_on_map ON annotation_goldtile;
DROP TRIGGER tile_changed_on_map ON annotation_tile;
DROP TRIGGER annotation_removed_from_map ON annotation_annotation;
DROP TRIGGER annotation_changed_on_map ON annotation_annotation;
DROP TRIGGER annotation_added_to_map ON annotation_annotation;
DROP FUNCTION annotation_forget_of_its_tile();
DROP FUNCTION annotation_forget_of_tiles();
DROP FUNCTION annotation_forget_of_annotations();
DROP FUNCTION annotation_forget_vector_tiles(bigint[]);
DROP FUNCTION annotation_vector_tiles_of(bigint[]);
DROP FUNCTION annotation_vector_cell(bigint, int, int);
DROP FUNCTION annotation_web_y(float8, int);
DROP FUNCTION annotation_web_x(float8, int);
"""

BATCH = 5000


def place_on_the_web_grid(apps, schema_editor):
    """Polygons whose CRS PostGIS knows, in one statement; the others in their layer's CRS, batch by batch."""
    import numpy as np
    import shapely
    from django.contrib.gis.geos import GEOSGeometry
    from pyproj import Transformer

    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "UPDATE annotation_annotatedfeature SET ground_web = ST_Transform(geometry, 3857)"
            " WHERE ST_SRID(geometry) IN (SELECT srid FROM spatial_ref_sys)"
        )
    feature = apps.get_model("annotation", "AnnotatedFeature")
    unplaced = feature.objects.filter(ground_web__isnull=True).select_related("revision__annotation__tile__campaign__layer")
    batch, to_web = [], {}
    for row in unplaced.iterator(chunk_size=BATCH):
        crs = row.revision.annotation.tile.campaign.layer.crs
        if crs not in to_web:
            to_web[crs] = Transformer.from_crs(crs, "EPSG:3857", always_xy=True)
        polygon = shapely.from_wkb(bytes(row.geometry.wkb))
        placed = shapely.transform(polygon, lambda xy: np.column_stack(to_web[crs].transform(xy[:, 0], xy[:, 1])))
        row.ground_web = GEOSGeometry(memoryview(placed.wkb), srid=3857)
        batch.append(row)
        if len(batch) == BATCH:
            feature.objects.bulk_update(batch, ["ground_web"])
            batch.clear()
    feature.objects.bulk_update(batch, ["ground_web"])


class Migration(migrations.Migration):

    dependencies = [
        ("annotation", "0022_sources_and_versions"),
    ]

    operations = [
        migrations.AddField(
            model_name="annotatedfeature",
            name="ground_web",
            field=django.contrib.gis.db.models.fields.PolygonField(blank=True, null=True, srid=3857),
        ),
        migrations.RunPython(place_on_the_web_grid, migrations.RunPython.noop),
        migrations.CreateModel(
            name="VectorTile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("z", models.PositiveSmallIntegerField()),
                ("x", models.PositiveIntegerField()),
                ("y", models.PositiveIntegerField()),
                ("etag", models.CharField(max_length=32)),
                ("content", models.BinaryField()),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="vector_tiles",
                        to="annotation.campaign",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("campaign", "z", "x", "y"), name="vector_tile_once"),
                    models.CheckConstraint(condition=models.Q(("z__lte", 30)), name="vector_tile_zoom_sane"),
                ],
            },
        ),
        migrations.RunSQL(FUNCTIONS, REMOVED),
    ]
