"""What the sweep has to remember of a job: when it was last nudged, and how far it had got."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotation", "0002_append_only")]

    operations = [
        migrations.AddField(model_name="job", name="progress_mark", field=models.FloatField(default=0.0)),
        migrations.AddField(model_name="job", name="nudged_at", field=models.DateTimeField(blank=True, null=True)),
        migrations.AddField(model_name="job", name="nudges", field=models.PositiveSmallIntegerField(default=0)),
    ]
