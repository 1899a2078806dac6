"""What the maps say at the places of a sample, and when these were photographed."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('learning', '0020_reference_samples'),
    ]

    operations = [
        migrations.AddField(
            model_name='sampleunit',
            name='first_acquired_on',
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='sampleunit',
            name='first_mapped',
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.AddField(
            model_name='sampleunit',
            name='second_acquired_on',
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='sampleunit',
            name='second_mapped',
            field=models.CharField(blank=True, max_length=60),
        ),
    ]
