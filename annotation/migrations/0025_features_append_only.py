"""Polygons are a revision's own, and only ever added, as it is: releases, and their rebuilds, are read from them."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER feature_append_only BEFORE UPDATE OR DELETE ON annotation_annotatedfeature
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_change();
"""
BACKWARD = "DROP TRIGGER feature_append_only ON annotation_annotatedfeature"


class Migration(migrations.Migration):
    dependencies = [("annotation", "0024_credits_and_withdrawals")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
