"""Releases that publish a theme's classes as the national ones that they refine."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('learning', '0027_map_comparisons'),
    ]

    operations = [
        migrations.AddField(
            model_name='release',
            name='view',
            field=models.CharField(blank=True, choices=[('', 'Own'), ('national', 'National')], default='', max_length=10),
        ),
    ]
