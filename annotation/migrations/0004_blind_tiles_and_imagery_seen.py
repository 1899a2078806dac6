"""Tiles labelled without help, and what imagery each revision was drawn on."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotation", "0003_job_nudged_at")]

    operations = [
        migrations.AddField(model_name="campaign", name="blind_share", field=models.FloatField(default=0.0)),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.CheckConstraint(
                condition=models.Q(blind_share__gte=0, blind_share__lte=1), name="campaign_blind_share_is_a_share"
            ),
        ),
        migrations.AddField(
            model_name="annotationrevision", name="imagery_seen", field=models.JSONField(blank=True, default=dict)
        ),
    ]
