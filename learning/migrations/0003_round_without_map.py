"""A round may be opened before any model is published: it then has no map, and no mean entropy."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("learning", "0002_holdout_never_trains")]

    operations = [
        migrations.AlterField(
            model_name="acquisitionround",
            name="prediction",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="acquisition_rounds",
                to="learning.prediction",
            ),
        ),
        migrations.AlterField(
            model_name="acquisitionround",
            name="mean_entropy_nats",
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="acquisitionround",
            constraint=models.CheckConstraint(
                condition=Q(prediction__isnull=True, mean_entropy_nats__isnull=True)
                | Q(prediction__isnull=False, mean_entropy_nats__isnull=False),
                name="acquisition_round_entropy_of_its_map",
            ),
        ),
    ]
