"""How far people agree on the tile of a released label: counted anew as people go on, so it is frozen with the label."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('learning', '0016_deposits'),
    ]

    operations = [
        migrations.AddField(
            model_name='releasedlabel',
            name='agreement',
            field=models.JSONField(default=dict),
        ),
    ]
